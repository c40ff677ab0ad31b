/**
 * One bounded exchange with an endpoint that we trust to answer, but not how it
 * answers: it may be slow, broken or hostile. Time, size and form are limited,
 * and no reason given here repeats anything that it or a person sent.
 *
 * @module
 */
import type { JsonValue } from "../base/json.ts";
import { parseJson } from "./json.ts";
import { networkReason } from "./network_reason.ts";
import { readBounded, UnusableAnswerError } from "./read_bounded.ts";

/** How much patience to have. */
export interface ExchangeLimits {
  /** For the whole exchange, from connecting to the last byte of the body. */
  readonly timeoutMs: number;
  /** Largest answer that is read, in bytes after content decoding. */
  readonly maxBytes: number;
}

/** What came back. */
export type Answer =
  /** A 2xx with a JSON body. */
  | { readonly kind: "json"; readonly status: number; readonly document: JsonValue }
  /** Any other status; the body was not read. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfter: string | null }
  /** No answer, or none that can be used. `reason` is for the log. */
  | { readonly kind: "failed"; readonly reason: string };

/** What is sent, and to where. */
export interface Sending extends ExchangeLimits {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Gives the exchange up early. */
  readonly signal?: AbortSignal;
  /** Take a body for JSON only where its content type says so. */
  readonly requireJsonType: boolean;
}

/** Sends once; never throws, never follows a redirect, never asks twice. */
export async function exchange(
  fetch: typeof globalThis.fetch,
  sending: Sending,
): Promise<Answer> {
  const { timeoutMs, maxBytes } = sending;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), timeoutMs);
  const signal = sending.signal === undefined
    ? timeout.signal
    : AbortSignal.any([sending.signal, timeout.signal]);
  try {
    const response = await fetch(sending.url, {
      method: sending.method,
      headers: sending.headers,
      ...(sending.body === undefined ? {} : { body: sending.body }),
      // A redirect would carry what we send to whatever place the answer names.
      redirect: "manual",
      signal,
    });
    if (!response.ok) {
      discard(response.body);
      return {
        kind: "status",
        status: response.status,
        retryAfter: response.headers.get("retry-after"),
      };
    }
    if (sending.requireJsonType && !isJson(response.headers.get("content-type"))) {
      discard(response.body);
      throw new UnusableAnswerError(`status ${response.status}, but not JSON by its content type`);
    }
    const parsed = parseJson(await readBounded(response.body, maxBytes, signal));
    if (parsed === null) throw new UnusableAnswerError("the body is not usable JSON");
    return { kind: "json", status: response.status, document: parsed.value };
  } catch (error) {
    if (sending.signal?.aborted === true) return failed("the request was given up");
    if (timeout.signal.aborted) return failed(`no complete answer within ${timeoutMs} ms`);
    return failed(error instanceof UnusableAnswerError ? error.message : networkReason(error));
  } finally {
    clearTimeout(timer);
  }
}

function failed(reason: string): Answer {
  return { kind: "failed", reason };
}

function isJson(contentType: string | null): boolean {
  const [essence = ""] = (contentType ?? "").split(";");
  return /^application\/(?:[\w.!#$&^-]+\+)?json$/i.test(essence.trim());
}

/** Frees the connection of an answer whose body nobody will read. */
function discard(body: ReadableStream<Uint8Array> | null): void {
  void body?.cancel().catch(() => {});
}
