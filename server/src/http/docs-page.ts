import type { OpenApi } from './openapi.ts';

/** The page's own policy: its one style sheet and nothing else; there is no script in it. */
export const DOCS_PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; }
  details { margin: .5rem 0; padding: .5rem .75rem; border: 1px solid #8884; border-radius: .4rem; }
  summary { cursor: pointer; }
  code, pre { font: .875rem/1.45 ui-monospace, monospace; }
  pre { overflow-x: auto; padding: .75rem; background: #8881; border-radius: .4rem; }
  .method { font-weight: 700; margin-right: .5rem; }
`;

/** The API's description as one page that can be read without a script. */
export function docsPage(api: OpenApi): string {
  const sections = [...api.tags, { name: 'system', description: 'Keys and health' }].map((tag) => {
    const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, operation]) =>
        operation.tags.includes(tag.name) ? [operationBlock(method, path, operation)] : [],
      ),
    );
    return `<section><h2>${escapeHtml(tag.name)}</h2><p>${escapeHtml(tag.description)}</p>${operations.join('')}</section>`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Latchkey API</title>
<style>${STYLE}</style></head><body><main><h1>${escapeHtml(api.info.title)} ${escapeHtml(api.info.version)}</h1>
<p>${escapeHtml(api.info.description)} The same as a document: <a href="openapi.json">openapi.json</a>.</p>${sections.join('')}</main></body></html>`;
}

function operationBlock(method: string, path: string, operation: OpenApi['paths'][string][string]): string {
  const parts = [
    operation.security ? '<p>Takes a bearer token.</p>' : '',
    operation.parameters ? jsonBlock('Headers', operation.parameters) : '',
    operation.requestBody ? jsonBlock('Request', operation.requestBody) : '',
    jsonBlock('Answers', operation.responses),
  ];
  return `<details><summary><code><span class="method">${escapeHtml(method.toUpperCase())}</span>${escapeHtml(path)}</code> ${escapeHtml(operation.summary)}</summary>${parts.join('')}</details>`;
}

function jsonBlock(title: string, value: unknown): string {
  return `<p>${title}</p><pre>${escapeHtml(JSON.stringify(value, null, 2))}</pre>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
