/**
 * The store in Redis, whichever way its scripts get there: every operation is
 * one Lua script and one round trip. What is kept is listed in `keys.ts`.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import { decodeCursor, encodeCursor, FEED_PAGE_SIZE } from "../feed.ts";
import { type SessionStore, StoreRejectedError } from "../port.ts";
import {
  isUnexpired,
  MAX_ENDED_AT_ONCE,
  RECORD_MARGIN_MS,
  recordEndsAtMs,
  recordOf,
} from "../rules.ts";
import { createScriptAttempts } from "./attempts.ts";
import { feedArgs } from "./feed_args.ts";
import type { RedisKeys } from "./keys.ts";
import { createScriptListing } from "./listing.ts";
import {
  bindingOf,
  endedSessions,
  revocationsOf,
  sessionAndGeneration,
  sessionArgs,
  sessionOf,
  text,
  texts,
  unreadable,
  whole,
} from "./reply.ts";
import type { ScriptRunner } from "./runner.ts";
import { type Script, SCRIPTS } from "./scripts.ts";
import { probeRedis } from "./probe.ts";
import { createTokenStatus } from "./token_status.ts";

/** Creates the store. `address` is the variable that says where the Redis is, for messages. */
export function createScriptStore({ runner, keys, clock, address }: {
  readonly runner: ScriptRunner;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly address: string;
}): SessionStore {
  let closed = false;

  async function run(script: Script, keys: readonly string[], args: readonly string[]) {
    if (closed) throw new StoreUnavailableError("the Redis store is closed");
    try {
      return await runner.run(script, keys, args);
    } catch (error) {
      if (!(error instanceof StoreRejectedError)) throw error;
      // It did serve us once: the password was changed under way, and may be changed back.
      throw new StoreUnavailableError(error.message, { cause: error });
    }
  }

  return {
    async open(session, { maxSessions, denyForMs }) {
      const nowMs = clock();
      const [kind, ...fields] = texts(
        await run(
          SCRIPTS.open,
          [
            keys.session(session.sid),
            keys.index(session.subject),
            keys.horizon,
            keys.feed,
            keys.feedHead,
          ],
          [
            String(nowMs),
            String(Math.max(1, recordEndsAtMs(recordOf(session)) - nowMs)),
            session.sid,
            keys.space,
            String(RECORD_MARGIN_MS),
            String(maxSessions),
            String(MAX_ENDED_AT_ONCE),
            String(denyForMs),
            ...feedArgs(nowMs),
            ...sessionArgs(session),
          ],
        ),
      );
      switch (kind) {
        case "opened":
          return { kind, ended: endedSessions(fields) };
        case "superseded":
          return { kind, notAfterMs: whole(fields[0]) };
        default:
          throw unreadable();
      }
    },

    async rotate({ sid, subject, presentedJti, next, groups, jkt, claims, sealed, ...lives }) {
      const nowMs = clock();
      const [kind, ...fields] = texts(
        await run(
          SCRIPTS.rotate,
          [
            keys.session(sid),
            keys.successor(sid, presentedJti),
            keys.index(subject),
            keys.horizon,
            keys.feed,
            keys.feedHead,
          ],
          [
            String(nowMs),
            sid,
            subject,
            presentedJti,
            next.refreshJti,
            next.accessJti,
            String(next.issuedAtSeconds),
            String(next.accessExpiresAtSeconds),
            String(next.refreshExpiresAtSeconds),
            String(lives.graceMs),
            String(lives.denyForMs),
            String(RECORD_MARGIN_MS),
            keys.space,
            groups.join(" "),
            claims === undefined ? "" : JSON.stringify(claims),
            sealed === undefined ? "keep" : "set",
            sealed ?? "",
            jkt ?? "",
            ...feedArgs(nowMs),
          ],
        ),
      );
      switch (kind) {
        case "unknown":
        case "revoked":
          return { kind };
        case "unproven":
          return { kind, bound: bindingOf(text(fields[0])) };
        case "reused": {
          const [untilMs, ...session] = fields;
          return { kind, session: sessionOf(sid, session), untilMs: whole(untilMs) };
        }
        case "rotated":
        case "replayed":
          return { kind, ...sessionAndGeneration(sid, fields) };
        default:
          throw unreadable();
      }
    },

    async bind(sid, { by, jkt }) {
      const outcome = text(
        await run(SCRIPTS.bind, [keys.session(sid)], [String(clock()), keys.space, by, jkt]),
      );
      switch (outcome) {
        case "bound":
        case "already":
        case "gone":
          return outcome;
        default:
          throw unreadable();
      }
    },

    async revokeSession({ sid, subject, denyForMs, mustExist }) {
      const nowMs = clock();
      const [kind, untilMs, owner, isThere] = texts(
        await run(
          SCRIPTS.revokeSession,
          [keys.session(sid), keys.departed(sid), keys.horizon, keys.feed, keys.feedHead],
          [
            String(nowMs),
            sid,
            subject === undefined ? "0" : "1",
            subject ?? "",
            String(denyForMs),
            mustExist ? "1" : "0",
            keys.space,
            String(RECORD_MARGIN_MS),
            ...feedArgs(nowMs),
          ],
        ),
      );
      switch (kind) {
        case "revoked":
        case "already_revoked":
          return {
            kind,
            untilMs: whole(untilMs),
            subject: isThere === "1" ? text(owner) : null,
          };
        case "not_found":
          return { kind };
        default:
          throw unreadable();
      }
    },

    async revokeGroup({ group, notAfterMs, denyForMs, rememberForMs }) {
      const nowMs = clock();
      const [mark, untilMs] = texts(
        await run(
          SCRIPTS.revokeGroup,
          [keys.group(group), keys.horizon, keys.feed, keys.feedHead],
          [
            String(nowMs),
            group,
            notAfterMs === undefined ? "" : String(notAfterMs),
            String(denyForMs),
            String(rememberForMs),
            ...feedArgs(nowMs),
          ],
        ),
      );
      return { kind: "group", group, notAfterMs: whole(mark), untilMs: whole(untilMs) };
    },

    async revokeToken({ jti, untilMs }) {
      const nowMs = clock();
      await run(
        SCRIPTS.revokeToken,
        [keys.token(jti), keys.feed, keys.feedHead],
        [String(nowMs), jti, String(untilMs), ...feedArgs(nowMs)],
      );
    },

    async revocationsSince(cursor) {
      const place = cursor === null ? null : decodeCursor(cursor);
      const from = cursor === null
        ? ["start"]
        : place === null
        ? ["unreadable"]
        : ["place", place.epoch, String(place.seq), place.id];
      const [reset, more, epoch, seq, id, ...entries] = texts(
        await run(
          SCRIPTS.revocationsSince,
          [keys.feed, keys.feedHead],
          [String(FEED_PAGE_SIZE), ...from],
        ),
      );
      return {
        entries: entries.flatMap(revocationsOf),
        cursor: encodeCursor({ epoch: text(epoch), seq: whole(seq), id: text(id) }),
        reset: reset === "1",
        more: more === "1",
      };
    },

    tokenStatus: createTokenStatus(run, keys),

    async readSession(sid) {
      const fields = texts(await run(SCRIPTS.readSession, [keys.session(sid)], [keys.space]));
      if (fields.length === 0) return null;
      const session = sessionOf(sid, fields);
      return isUnexpired(session, clock()) ? session : null;
    },

    ...createScriptListing(run, keys, clock),
    ...createScriptAttempts(run, keys, clock),

    async probe() {
      if (closed) throw new StoreUnavailableError("the Redis store is closed");
      return await probeRedis(runner, keys, address);
    },

    listen(onNews) {
      if (!closed) runner.listen(keys.feed, onNews);
    },

    close() {
      if (!closed) runner.close();
      closed = true;
      return Promise.resolve();
    },
  };
}
