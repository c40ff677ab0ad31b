/**
 * Sends spans to a collector: OTLP over HTTP as JSON
 * ({@link https://opentelemetry.io/docs/specs/otlp/ | OTLP 1.7}), set by the usual variables.
 *
 * Deno has an exporter inside (`OTEL_DENO`), but its spans hold the whole URL of each request with
 * its query, in which a provider sends codes, and no attribute can be taken back (Deno 2.9.6). So
 * spans go out by this one, which knows no URL.
 *
 * @module
 */
import type { Environment } from "../../base/environment.ts";
import { VERSION } from "../../base/version.ts";
import { ConfigError } from "../../config/problems.ts";
import type { FinishedSpan, SpanSink } from "../../telemetry/spans.ts";

/** A way for spans out of the process. */
export interface SpanExporter {
  readonly sink: SpanSink;
  /** Sends what is there, and ends. */
  close(): Promise<void>;
}

const BATCH = 512;
const QUEUE = 4096;
const EVERY_MS = 2_000;
const TIMEOUT_MS = 5_000;

/** Methods that may become a name (OpenTelemetry semantic conventions for HTTP). */
const METHODS: ReadonlySet<string> = new Set(
  "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH".split(" "),
);

/**
 * Where spans go, and with which headers; `null`: nowhere.
 *
 * @throws {ConfigError} when a variable can not be followed, or Deno's own exporter is switched on.
 */
export function otlpTarget(
  env: Environment,
): { readonly url: string; readonly headers: Readonly<Record<string, string>> } | null {
  if (env["OTEL_DENO"] === "true") {
    throw new ConfigError([
      "OTEL_DENO: its spans hold whole URLs with their queries, in which providers send codes; unset it, Postern sends spans of its own to OTEL_EXPORTER_OTLP_ENDPOINT",
    ]);
  }
  if (env["OTEL_SDK_DISABLED"] === "true" || env["OTEL_TRACES_EXPORTER"] === "none") return null;
  const own = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
  const common = env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  const text = own || (common ? `${common.replace(/\/$/, "")}/v1/traces` : "");
  if (text === "") return null;
  const name = own ? "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" : "OTEL_EXPORTER_OTLP_ENDPOINT";
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError([`${name}: must be an http(s) URL, such as "http://127.0.0.1:4318"`]);
  }
  const given = env["OTEL_EXPORTER_OTLP_TRACES_HEADERS"] || env["OTEL_EXPORTER_OTLP_HEADERS"] || "";
  const headers = given.split(",").flatMap((pair) => {
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    return key === undefined || value === undefined ? [] : [[key, decodeURIComponent(value)]];
  });
  return { url: url.href, headers: Object.fromEntries(headers) };
}

/** Starts to export; `failed` hears of the first failure after each success. */
export function createSpanExporter(
  target: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
  service: string,
  failed: (reason: string) => void,
): SpanExporter {
  let waiting: FinishedSpan[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** One at a time: what would queue up behind a slow one waits where it is counted. */
  let sending: Promise<void> | null = null;
  let works = true;

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    return sending ??= sendWaiting().finally(() => sending = null);
  }

  async function sendWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      waiting = waiting.slice(BATCH);
      await send(batch);
    }
  }

  async function send(batch: readonly FinishedSpan[]): Promise<void> {
    try {
      const response = await fetch(target.url, {
        method: "POST",
        headers: { ...target.headers, "content-type": "application/json" },
        body: JSON.stringify(documentOf(batch, service)),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: "error",
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`the collector answers ${response.status}`);
      works = true;
    } catch (error) {
      if (works) failed(error instanceof Error ? error.message : String(error));
      works = false;
    }
  }

  return {
    sink(span) {
      // A collector that is away costs spans, never memory.
      if (waiting.length >= QUEUE) return;
      waiting.push(span);
      if (waiting.length >= BATCH) void flush();
      else timer ??= setTimeout(() => void flush(), EVERY_MS);
    },
    async close() {
      // Nor does a collector that hangs keep the process.
      let timer: ReturnType<typeof setTimeout> | undefined;
      const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, TIMEOUT_MS));
      await Promise.race([flush(), patience]);
      clearTimeout(timer);
    },
  };
}

function documentOf(spans: readonly FinishedSpan[], service: string): unknown {
  return {
    resourceSpans: [{
      resource: {
        attributes: attributesOf({ "service.name": service, "service.version": VERSION }),
      },
      scopeSpans: [{
        scope: { name: "postern", version: VERSION },
        spans: spans.map(spanOf),
      }],
    }],
  };
}

/** OTLP's numbers for `SERVER` and `CLIENT`. */
const KIND = { server: 2, client: 3 } as const;
const ERROR = 2;

function spanOf(span: FinishedSpan): unknown {
  const method = METHODS.has(span.method) ? span.method : "_OTHER";
  const named = span.kind === "server" ? span.route : span.upstream;
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentId === null ? {} : { parentSpanId: span.parentId }),
    name: named === null ? method : `${method} ${named}`,
    kind: KIND[span.kind],
    startTimeUnixNano: nanoseconds(span.beganAtMs),
    endTimeUnixNano: nanoseconds(span.endedAtMs),
    attributes: attributesOf({
      "http.request.method": method,
      "http.route": span.route,
      "http.response.status_code": span.status,
      "postern.upstream": span.upstream,
      "error.type": span.error,
      "postern.decision": span.decision,
    }),
    // Who is turned away has made a mistake, and the server none (semantic conventions for HTTP).
    status: isFailure(span) ? { code: ERROR } : {},
  };
}

function isFailure({ kind, error, status }: FinishedSpan): boolean {
  return error !== null && (kind === "client" || status === null || status >= 500);
}

function attributesOf(values: Readonly<Record<string, string | number | null>>): unknown[] {
  return Object.entries(values).flatMap(([key, value]) =>
    value === null ? [] : [{
      key,
      value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value },
    }]
  );
}

/** More digits than a number has: whole microseconds, and three noughts. */
function nanoseconds(monotonicMs: number): string {
  return `${Math.round((performance.timeOrigin + monotonicMs) * 1000)}000`;
}
