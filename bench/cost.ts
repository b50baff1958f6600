import { latchkeyOnSqlite } from './contenders/latchkey.ts';
import { SessionSource } from './contenders/session-source.ts';
import { measureSignInCost } from './measures/sign-in-cost.ts';
import { startContender } from './measures/started.ts';
import { FULL, QUICK } from './plan.ts';
import { costTable } from './report/report.ts';

// What a sign-in costs, by thread and by step, and nothing else: `npm run bench -- --cost`.

const plan = process.argv.includes('--full') ? FULL : QUICK;
const contender = latchkeyOnSqlite(plan.accounts);
try {
  const started = await startContender(new SessionSource(contender));
  try {
    console.log(costTable(await measureSignInCost(started, plan)));
  } finally {
    await started.running.stop();
  }
} finally {
  contender.remove();
}
