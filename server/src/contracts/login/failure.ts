import type { Reply, Wire } from '../contract.ts';

/** A failure in this contract's shape. @param extra its `extra_attributes`, where it has some */
export function failure(
  status: number,
  code: string,
  message: string,
  wire: Wire,
  extra?: Readonly<Record<string, string>>,
): Reply {
  const attributes = extra === undefined ? {} : { extra_attributes: extra };
  return { status, body: { error_code: code, message, trace_id: wire.requestId, ...attributes } };
}
