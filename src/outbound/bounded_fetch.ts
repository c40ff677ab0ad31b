/**
 * `fetch` for libraries that speak a protocol with somebody else: the answer is
 * read whole before they see it, within a time and a size, redirects are not
 * followed, and of its headers only the content type is let through.
 *
 * @module
 */
import type { ExchangeLimits } from "./exchange.ts";
import { networkReason } from "./network_reason.ts";
import { readBounded, UnusableAnswerError } from "./read_bounded.ts";

/** No answer, or none that can be used. The message is fit for a log: it quotes nobody. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  readonly code = "unreachable";
}

/** What is sent, as `fetch` takes it. */
export interface BoundedRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams | undefined;
  /** Gives the exchange up early. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One exchange.
 *
 * @throws {UnreachableError} when there is no whole answer within the limits.
 */
export type BoundedFetch = (url: string, request: BoundedRequest) => Promise<Response>;

/** Binds the limits. */
export function createBoundedFetch(
  { timeoutMs, maxBytes }: ExchangeLimits,
  { fetch }: { readonly fetch: typeof globalThis.fetch },
): BoundedFetch {
  return async function boundedFetch(url, { method, headers, body, signal: given }) {
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    const signal = given === undefined ? timeout.signal : AbortSignal.any([given, timeout.signal]);
    try {
      const response = await fetch(url, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
        // A redirect would carry a client secret to whatever place the answer names.
        redirect: "manual",
        signal,
      });
      const bytes = response.body === null
        ? null
        : await readBounded(response.body, maxBytes, signal);
      const type = response.headers.get("content-type");
      const { status } = response;
      return new Response(BODILESS.has(status) ? null : bytes, {
        // Some runtimes say 0 for a redirect that was not followed.
        status: status < 200 ? 502 : status,
        headers: type === null ? {} : { "content-type": type },
      });
    } catch (error) {
      if (error instanceof UnusableAnswerError) throw new UnreachableError(error.message);
      if (given?.aborted === true) throw new UnreachableError("the request was given up");
      throw new UnreachableError(
        timeout.signal.aborted ? `no complete answer within ${timeoutMs} ms` : networkReason(error),
      );
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Statuses that a `Response` may not have a body with (Fetch standard, null body status). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);
