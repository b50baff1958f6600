import type { Attributes } from '@opentelemetry/api';
import { OperatorError } from '../errors.ts';

/** Where spans go. */
export interface TracingOptions {
  /** An OTLP/HTTP address, such as `http://127.0.0.1:4318/v1/traces`. */
  readonly url: string;
  /** The part of requests that is traced, 0 to 1. */
  readonly sampleRatio: number;
  readonly version: string;
}

/**
 * Sends the last spans and ends it.
 * @returns why they could not be sent; null when they were
 */
export type EndTracing = () => Promise<string | null>;

/** How long the last spans may take: a collector that is away must not hold up the end of the process. */
const LAST_SPANS_MILLISECONDS = 2000;

/** Loaded where spans are sent. */
let api: typeof import('@opentelemetry/api') | null = null;

/**
 * Sends spans from now on, in this process. OpenTelemetry's SDK is no part of an installation that does not use it.
 * @throws OperatorError when the SDK is not installed
 */
export async function startTracing(options: TracingOptions): Promise<EndTracing> {
  const loaded = await import('@opentelemetry/api');
  const { context, trace } = loaded;
  const {
    BasicTracerProvider,
    BatchSpanProcessor,
    OTLPTraceExporter,
    AsyncLocalStorageContextManager,
    ...sdk
  } = await loadSdk();
  const provider = new BasicTracerProvider({
    resource: sdk.resourceFromAttributes({
      'service.name': 'latchkey',
      'service.version': options.version,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(options.sampleRatio) }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: options.url }))],
  });
  const manager = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  trace.setGlobalTracerProvider(provider);
  api = loaded;
  return async () => {
    api = null;
    const problem = await problemWith(provider.shutdown());
    trace.disable();
    context.disable();
    return problem;
  };
}

/** Why the last spans were not sent in time; null when they were. */
async function problemWith(sending: Promise<void>): Promise<string | null> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, LAST_SPANS_MILLISECONDS, 'the collector did not take them in time');
  const sent = sending.then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return Promise.race([sent, late]).finally(() => clearTimeout(timer));
}

async function loadSdk() {
  try {
    const [base, exporter, resources, hooks] = await Promise.all([
      import('@opentelemetry/sdk-trace-base'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/context-async-hooks'),
    ]);
    return { ...base, ...exporter, ...resources, ...hooks };
  } catch (error) {
    throw new OperatorError(
      `tracing.url is set, but OpenTelemetry's SDK cannot be loaded: ${(error as Error).message}. Run: npm install @opentelemetry/sdk-trace-base @opentelemetry/exporter-trace-otlp-http @opentelemetry/resources @opentelemetry/context-async-hooks`,
    );
  }
}

/**
 * Does some work inside a span, when spans are sent. Attributes are names and counts of ours: nothing that a client sent, no
 * statement's parameters.
 */
export function traced<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
  if (api === null) return work();
  const { SpanStatusCode, trace } = api;
  return trace.getTracer('latchkey').startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.recordException(error as Error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** A request's own span, begun and ended by the server's hooks; null when no spans are sent. */
export interface RequestSpan {
  /** Does something as part of it. */
  within<T>(work: () => T): T;
  end(attributes: Attributes, isFault: boolean): void;
}

/** Begins the span of a request. */
export function beginRequestSpan(method: string): RequestSpan | null {
  if (api === null) return null;
  const { context, SpanKind, SpanStatusCode, trace } = api;
  const span = trace.getTracer('latchkey').startSpan(method, { kind: SpanKind.SERVER });
  const inside = trace.setSpan(context.active(), span);
  return {
    within: (work) => context.with(inside, work),
    end(attributes, isFault) {
      span.setAttributes(attributes);
      if (typeof attributes['http.route'] === 'string')
        span.updateName(`${method} ${attributes['http.route']}`);
      if (isFault) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

/** Adds what is known only later to the span that is active now. */
export function describeSpan(attributes: Attributes): void {
  api?.trace.getActiveSpan()?.setAttributes(attributes);
}
