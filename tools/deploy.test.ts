import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { startApp } from '../server/testing/app.ts';
import { runRawSql } from '../server/testing/raw-sql.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const METRIC = /\b((?:latchkey|nodejs|process)_[a-z0-9_]+)/g;

/** The metrics that a text names, without what histograms and label queries add to a name. */
function namesIn(text: string): string[] {
  const names = [...text.matchAll(METRIC)].map(([, name = '']) => name.replace(/_(bucket|count|sum)$/, ''));
  return [...new Set(names)];
}

describe('what is deployed beside the server', () => {
  test('the dashboard, the alert rules and the documentation name metrics that there are', async () => {
    const app = await startApp('sqlite');
    try {
      const person = await app.person();
      await app.post('/auth/login', { username: person.email, password: person.password });
      const { text } = await app.request('GET', '/metrics');
      const served = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
      for (const path of ['deploy/grafana-dashboard.json', 'deploy/alerts.yml', 'docs/operations.md']) {
        const named = namesIn(read(path)).filter((name) => !name.endsWith('_'));
        expect(named.length, path).toBeGreaterThan(4);
        for (const name of named) expect(served, `${path}: ${name}`).toContain(name);
      }
    } finally {
      await app.stop();
    }
  });

  test('what is turned away is no fault: the alert about faults counts one and not the other', async () => {
    const alert = /alert: LatchkeyFaults\n\s+expr: (.*)/.exec(read('deploy/alerts.yml'))?.[1] ?? '';
    const [, label = ''] =
      /rate\(latchkey_request_seconds_count\{(status="\w+")\}\[5m\]\)\) >/.exec(alert) ?? [];
    const app = await startApp('sqlite');
    try {
      const counted = async (): Promise<number> => {
        const { text } = await app.request('GET', '/metrics');
        const lines = text.split('\n').filter((line) => line.startsWith('latchkey_request_seconds_count{'));
        const those = lines.filter((line) => line.includes(label));
        return those.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
      };
      app.app.drain();
      expect((await app.request('GET', '/readyz')).status).toBe(503);
      expect(await counted()).toBe(0);
      await runRawSql(app.core.config.store.url, 'ALTER TABLE identifiers RENAME TO those_that_were');
      const body = { username: 'somebody', password: 'of somebody' };
      expect((await app.post('/auth/login', body)).status).toBe(500);
      expect(await counted()).toBe(1);
    } finally {
      await app.stop();
    }
  });

  test('every alert has a line that says what to do', () => {
    const alerts = [...read('deploy/alerts.yml').matchAll(/alert: (\w+)/g)].map(([, name = '']) => name);
    expect(alerts.length).toBeGreaterThan(5);
    const operations = read('docs/operations.md');
    for (const alert of alerts) expect(operations).toContain(`\`${alert}\``);
  });

  test('the dashboard is one that Grafana can load: panels with places that do not overlap', () => {
    const { panels } = JSON.parse(read('deploy/grafana-dashboard.json'));
    const places = panels.map(
      ({ gridPos }: { gridPos: { x: number; y: number } }) => `${gridPos.x},${gridPos.y}`,
    );
    expect(new Set(places).size).toBe(panels.length);
  });
});
