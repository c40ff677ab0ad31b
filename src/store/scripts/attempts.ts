/**
 * Attempts in Redis.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { SETTLED_MS } from "../attempts.ts";
import type { SessionStore } from "../port.ts";
import type { RedisKeys } from "./keys.ts";
import { whole } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";
import type { RunScript } from "./runner.ts";

/** Creates the operations. */
export function createScriptAttempts(
  run: RunScript,
  keys: RedisKeys,
  clock: Clock,
): Pick<SessionStore, "reserveAttempt" | "settleAttempt"> {
  return {
    async reserveAttempt({ id, counters, windowMs, holdMs }) {
      const retryAfterMs = whole(
        await run(
          SCRIPTS.reserveAttempt,
          // Without counters, too, a cluster has to know where to run it.
          counters.length === 0 ? [keys.probe] : counters.flatMap(({ key }) => keys.counter(key)),
          [
            String(clock()),
            id,
            String(windowMs),
            String(holdMs),
            ...counters.map(({ limit }) => String(limit)),
          ],
        ),
      );
      return retryAfterMs < 0 ? { allowed: true } : { allowed: false, retryAfterMs };
    },

    async settleAttempt({ id, counters, windowMs, result }) {
      if (result === "unknown") return;
      await run(
        SCRIPTS.settleAttempt,
        [keys.settled(id), ...counters.flatMap(({ key }) => keys.counter(key))],
        [
          id,
          result,
          String(windowMs),
          String(SETTLED_MS),
          ...counters.flatMap(({ delay }) =>
            delay === undefined
              ? ["0", "0", "0"]
              : [String(delay.from), String(delay.firstMs), String(delay.mostMs)]
          ),
        ],
      );
    },
  };
}
