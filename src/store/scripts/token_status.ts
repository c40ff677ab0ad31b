/**
 * Strict asks: those of one tick go to Redis together.
 *
 * @module
 */
import type { SessionStore, TokenQuestion, TokenStatus } from "../port.ts";
import type { RedisKeys } from "./keys.ts";
import { statuses, unreadable } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";
import type { RunScript } from "./runner.ts";

/** Asks that go into one call of `lua/token_status.lua`. */
const MAX_ASKS = 256;

/** One question and who waits for the answer. */
interface Ask {
  readonly token: TokenQuestion;
  readonly resolve: (status: TokenStatus) => void;
  readonly reject: (reason: unknown) => void;
}

/** Creates the operation. */
export function createTokenStatus(run: RunScript, keys: RedisKeys): SessionStore["tokenStatus"] {
  let asks: Ask[] = [];

  async function answerAsks(batch: readonly Ask[]): Promise<void> {
    try {
      const answers = statuses(
        await run(
          SCRIPTS.tokenStatus,
          batch.flatMap(({ token: { sid, jti } }) => [
            keys.session(sid ?? ""),
            keys.departed(sid ?? ""),
            keys.token(jti),
          ]),
          [
            keys.space,
            ...batch.flatMap(({ token: { sid, subject, groups, bornAtMs } }) => [
              sid === null ? "0" : "1",
              subject,
              String(bornAtMs),
              groups.join(" "),
            ]),
          ],
        ),
      );
      batch.forEach((ask, i) => {
        const answer = answers[i];
        if (answer === undefined) ask.reject(unreadable());
        else ask.resolve(answer);
      });
    } catch (error) {
      for (const ask of batch) ask.reject(error);
    }
  }

  return (token) =>
    new Promise((resolve, reject) => {
      asks.push({ token, resolve, reject });
      if (asks.length > 1 && asks.length < MAX_ASKS) return;
      const first = asks.length === 1;
      const send = () => {
        const batch = asks;
        asks = [];
        if (batch.length > 0) void answerAsks(batch);
      };
      // A microtask, not a timer: on Workers no two requests share one, so that
      // none of them waits for an answer that is lost with another's connection.
      if (first) queueMicrotask(send);
      else send();
    });
}
