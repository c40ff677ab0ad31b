/**
 * Load from `wrk`, and the statistics of it.
 *
 * @module
 */

/** What one round of load saw. */
export interface Round {
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx and 3xx, and broken connections: must be none. */
  readonly failures: number;
}

/** One round. `tokens` is a file with one token a line: each request takes the next one. */
export async function load(options: {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly seconds: number;
  readonly connections: number;
  readonly tokens?: string;
}): Promise<Round> {
  const { url, headers, seconds, connections, tokens } = options;
  const { stdout, stderr, success } = await new Deno.Command("wrk", {
    args: [
      ...["-t1", `-c${connections}`, `-d${seconds}s`, "--latency"],
      ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
      ...(tokens === undefined ? [] : ["-s", new URL("./tokens.lua", import.meta.url).pathname]),
      url,
    ],
    ...(tokens === undefined ? {} : { env: { TOKENS: tokens } }),
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (!success) throw new Error(`wrk: ${new TextDecoder().decode(stderr)}`);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  return {
    requestsPerSecond: number(text, /Requests\/sec:\s+([\d.]+)/),
    requests: number(text, /(\d+) requests in/),
    p50Ms: milliseconds(text, /50%\s+([\d.]+)(us|ms|s)/),
    p99Ms: milliseconds(text, /99%\s+([\d.]+)(us|ms|s)/),
    failures: Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0) +
      (errors?.slice(1).reduce((sum, count) => sum + Number(count), 0) ?? 0),
  };
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

function number(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? NaN);
}

function milliseconds(text: string, pattern: RegExp): number {
  const [, value, unit] = pattern.exec(text) ?? [];
  const factor = unit === "us" ? 0.001 : unit === "s" ? 1000 : 1;
  return Number(value) * factor;
}
