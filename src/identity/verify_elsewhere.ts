/**
 * Asks the service that signed a token whether it still stands by it: its
 * blacklist is not ours to read.
 *
 * @module
 */
import type { AskContext } from "../base/presenter.ts";
import { createBackChannel, unexpectedStatus } from "../outbound/back_channel.ts";
import type { BackChannelOptions } from "../outbound/back_channel.ts";

/** What the other service says of a token. */
export type ElsewhereOutcome =
  | { readonly kind: "good" }
  | { readonly kind: "refused" }
  | { readonly kind: "unavailable"; readonly reason: string };

/** Asks about one token. Never throws. */
export type VerifyElsewhere = (token: string, context: AskContext) => Promise<ElsewhereOutcome>;

/** Binds the question to SimpleJWT's `TokenVerifyView`: `POST {"token": "…"}`; 200 is good, 400 and 401 are not. */
export function createVerifyElsewhere(
  options: BackChannelOptions,
  ports: { readonly fetch: typeof globalThis.fetch },
): VerifyElsewhere {
  const ask = createBackChannel(options, ports);

  return async function verifyElsewhere(token, context) {
    const body = JSON.stringify({ token });
    const answer = await ask({ contentType: "application/json", body }, context);
    if (answer.kind === "failed") return unavailable(answer.reason);
    if (answer.status === 200) return { kind: "good" };
    if (answer.status === 400 || answer.status === 401) return { kind: "refused" };
    return unavailable(unexpectedStatus(answer.status));
  };
}

function unavailable(reason: string): ElsewhereOutcome {
  return { kind: "unavailable", reason: `tokens.legacy.verifyUrl: ${reason}` };
}
