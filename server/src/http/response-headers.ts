/** The headers of every answer, whatever it is. The API has no page to frame, script or refer from. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** What stands on an answer before anything else is known of it. Behind https, browsers are told to stay there. */
export function headersOfEveryAnswer(requestId: string, isHttps: boolean): Readonly<Record<string, string>> {
  return {
    ...HEADERS,
    'x-request-id': requestId,
    ...(isHttps ? { 'strict-transport-security': 'max-age=31536000; includeSubDomains' } : {}),
  };
}
