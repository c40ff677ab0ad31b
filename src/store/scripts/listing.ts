/**
 * Lists of sessions out of Redis.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { decodeSessionPlace, encodeSessionPlace } from "../page_cursor.ts";
import { MAX_PAGE, type SessionQuery, type SessionStore } from "../port.ts";
import type { RedisKeys } from "./keys.ts";
import { listedSession, text, texts, unreadable, whole } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";
import type { RunScript } from "./runner.ts";

/** Entries that one page looks at, at most; Redis does nothing else meanwhile. */
const MAX_SCANNED = 1_000;
/** Steps of a scan in one page at most. */
const MAX_STEPS = 8;

/** Creates the operations. */
export function createScriptListing(
  run: RunScript,
  keys: RedisKeys,
  clock: Clock,
): Pick<SessionStore, "listSessions" | "countSessions"> {
  function filterArgs(query: SessionQuery): readonly string[] {
    return [
      query.group ?? "",
      query.ip === undefined ? "0" : "1",
      query.ip ?? "",
      query.lastSeenBeforeMs === undefined ? "" : String(query.lastSeenBeforeMs),
    ];
  }

  return {
    async listSessions(query) {
      const limit = String(Math.min(query.limit, MAX_PAGE));
      const now = String(clock());
      if (query.subject === undefined) {
        const cursor = scanCursor(query.after);
        const [next, ...rows] = list(
          await run(
            SCRIPTS.scanSessions,
            [keys.probe],
            [now, keys.space, limit, String(MAX_STEPS), cursor, ...filterArgs(query)],
          ),
        );
        const [goesOnAt] = texts(next);
        return {
          sessions: rows.map(listedSession),
          next: goesOnAt === "0" ? null : text(goesOnAt),
        };
      }
      const place = decodeSessionPlace(query.after);
      const [last, ...rows] = list(
        await run(
          SCRIPTS.listSessions,
          [keys.index(query.subject)],
          [
            now,
            keys.space,
            limit,
            String(MAX_SCANNED),
            place === null ? "" : String(place.createdAtMs),
            place?.sid ?? "",
            ...filterArgs(query),
          ],
        ),
      );
      const [createdAt, sid] = texts(last);
      return {
        sessions: rows.map(listedSession),
        next: sid === undefined
          ? null
          : encodeSessionPlace({ createdAtMs: whole(createdAt), sid: text(sid) }),
      };
    },

    async countSessions(subject) {
      return whole(await run(SCRIPTS.countSessions, [keys.index(subject)], [keys.space]));
    },
  };
}

/** A cursor of SCAN is a number of 64 bits; what is none begins at the beginning. */
function scanCursor(after: string | null): string {
  const isOne = after !== null && /^\d{1,20}$/.test(after) && BigInt(after) < 1n << 64n;
  return isOne ? after : "0";
}

function list(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw unreadable();
  return reply;
}
