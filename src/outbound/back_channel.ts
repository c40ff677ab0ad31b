/**
 * A question to an endpoint that an identity source trusts, with a credential in it.
 *
 * @module
 */
import type { AskContext } from "../base/presenter.ts";
import { exchange } from "./exchange.ts";
import type { Answer, ExchangeLimits } from "./exchange.ts";

export type { Answer } from "./exchange.ts";

/** Where to ask, and how much patience to have. */
export interface BackChannelOptions extends ExchangeLimits {
  readonly url: string;
}

/** What to send. */
export interface Question {
  readonly contentType: string;
  readonly body: string;
}

/** Asks one question; never throws, never follows a redirect, never asks twice. */
export type BackChannel = (question: Question, context: AskContext) => Promise<Answer>;

/** Binds a back channel to one endpoint. */
export function createBackChannel(
  options: BackChannelOptions,
  { fetch }: { readonly fetch: typeof globalThis.fetch },
): BackChannel {
  return function ask(question, context) {
    return exchange(fetch, {
      ...options,
      method: "POST",
      headers: {
        "accept": "application/json",
        "content-type": question.contentType,
        "x-request-id": context.requestId,
      },
      body: question.body,
      signal: context.signal,
      requireJsonType: true,
    });
  };
}

/** Says in a log line that a status is none that was agreed on. */
export function unexpectedStatus(status: number): string {
  const redirect = status >= 300 && status < 400;
  return `unexpected status ${status}${redirect ? " (redirects are never followed)" : ""}`;
}
