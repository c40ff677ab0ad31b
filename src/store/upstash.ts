/**
 * The Upstash adapter: sessions and the blacklist in Redis, over HTTP, on any
 * runtime. Every operation is one Lua script and one round trip. What is kept
 * is listed in `upstash_keys.ts`.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import { StoreUnavailableError } from "../base/errors.ts";
import type { SessionRecord } from "../base/session.ts";
import {
  decodeCursor,
  encodeCursor,
  FEED_PAGE_SIZE,
  FEED_TRIM_LIMIT,
  FEED_TRIM_MARGIN_MS,
  randomFeedName,
} from "./feed.ts";
import { StoreRejectedError } from "./port.ts";
import type { SessionStore, TokenStatus } from "./port.ts";
import { isUnexpired, RECORD_MARGIN_MS, recordEndsAtMs } from "./rules.ts";
import { createUpstashClient } from "./upstash_client.ts";
import type { UpstashClient } from "./upstash_client.ts";
import { createKeys, PREFIX } from "./upstash_keys.ts";
import {
  listedSession,
  revocationOf,
  sessionAndGeneration,
  sessionArgs,
  sessionOf,
  statuses,
  text,
  texts,
  unreadable,
  whole,
} from "./upstash_reply.ts";
import { SCRIPTS } from "./upstash_scripts.ts";
import type { Script } from "./upstash_scripts.ts";

/** How much longer than the feed its head lives. */
const FEED_HEAD_EXTRA_MS = 30 * 86_400_000;

/** Asks that go into one call of `lua/token_status.lua`. */
const MAX_ASKS = 256;

/** How long the key lives that a probe writes. */
const PROBE_LIFETIME_MS = 1_000;

/** Where the database is and how to speak to it. */
export interface UpstashOptions {
  /** `UPSTASH_REDIS_REST_URL` */
  readonly url: string;
  /** `UPSTASH_REDIS_REST_TOKEN`: the standard token, not the read-only one. */
  readonly token: string;
  /** Keeps several gateways apart in one database: letters, digits, `_`, `.` and `-`. */
  readonly prefix?: string;
  /**
   * Time limit of one round trip. An operation that is safe to repeat may take
   * up to three of them, the last begun within twice this time.
   */
  readonly commandTimeoutMs?: number;
  readonly clock?: Clock;
}

/** One question of `tokenStatus`. */
interface Ask {
  readonly token: { readonly sid: string; readonly subject: string; readonly jti: string };
  readonly resolve: (status: TokenStatus) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Creates the adapter; nothing is sent before the first operation. Throws
 * {@link StoreRejectedError} for options that can not work.
 */
export function createUpstashStore(options: UpstashOptions): SessionStore {
  const { prefix = "postern", commandTimeoutMs = 1_000, clock = systemClock } = options;
  if (!PREFIX.test(prefix)) {
    throw new StoreRejectedError(
      `POSTERN_PREFIX: "${prefix}" must be up to 64 letters, digits, "_", "." or "-"`,
    );
  }
  const client = createUpstashClient({ ...options, commandTimeoutMs });
  const keys = createKeys(prefix);
  let closed = false;
  let asks: Ask[] = [];

  async function run(script: Script, keys: readonly string[], args: readonly string[]) {
    if (closed) throw new StoreUnavailableError("the Upstash store is closed");
    try {
      return await client.run(script, keys, args);
    } catch (error) {
      if (!(error instanceof StoreRejectedError)) throw error;
      // It did serve us once: the token was changed under way, and may be changed back.
      throw new StoreUnavailableError(error.message, { cause: error });
    }
  }

  /** `feed_args` of `lua/feed.lua`. */
  function feedArgs(nowMs: number): readonly string[] {
    return [
      String(nowMs),
      randomFeedName(),
      randomFeedName(),
      String(FEED_TRIM_MARGIN_MS),
      String(FEED_TRIM_LIMIT),
      String(FEED_HEAD_EXTRA_MS),
    ];
  }

  async function answerAsks(batch: readonly Ask[]): Promise<void> {
    try {
      const answers = statuses(
        await run(
          SCRIPTS.tokenStatus,
          batch.flatMap(({ token: { sid, subject, jti } }) => [
            keys.session(sid),
            keys.departed(sid),
            keys.subject(subject),
            keys.token(jti),
          ]),
          batch.map(({ token }) => token.subject),
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

  return {
    async open(session) {
      const nowMs = clock();
      const reply = texts(
        await run(
          SCRIPTS.open,
          [keys.session(session.sid), keys.subject(session.subject), keys.index(session.subject)],
          [
            String(nowMs),
            String(Math.max(1, recordEndsAtMs(session.current) - nowMs)),
            session.sid,
            ...sessionArgs(session),
          ],
        ),
      );
      switch (reply[0]) {
        case "opened":
          return { kind: "opened" };
        case "superseded":
          return { kind: "superseded", notAfterMs: whole(reply[1]) };
        default:
          throw unreadable();
      }
    },

    async rotate({ sid, subject, presentedJti, next, graceMs, denyForMs, claims }) {
      const nowMs = clock();
      const [kind, ...fields] = texts(
        await run(
          SCRIPTS.rotate,
          [
            keys.session(sid),
            keys.successor(sid, presentedJti),
            keys.subject(subject),
            keys.index(subject),
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
            String(next.refreshExpiresAtSeconds),
            String(graceMs),
            String(denyForMs),
            String(RECORD_MARGIN_MS),
            claims === undefined ? "" : JSON.stringify(claims),
            ...feedArgs(nowMs),
          ],
        ),
      );
      switch (kind) {
        case "unknown":
        case "revoked":
          return { kind };
        case "reused":
          return { kind, session: sessionOf(sid, fields) };
        case "rotated":
        case "replayed":
          return { kind, ...sessionAndGeneration(sid, fields) };
        default:
          throw unreadable();
      }
    },

    async revokeSession({ sid, subject, denyForMs, mustExist }) {
      const nowMs = clock();
      const outcome = text(
        await run(
          SCRIPTS.revokeSession,
          [
            keys.session(sid),
            keys.departed(sid),
            keys.subject(subject),
            keys.index(subject),
            keys.feed,
            keys.feedHead,
          ],
          [String(nowMs), sid, subject, String(denyForMs), mustExist ? "1" : "0"].concat(
            feedArgs(nowMs),
          ),
        ),
      );
      switch (outcome) {
        case "revoked":
        case "already_revoked":
        case "not_found":
          return outcome;
        default:
          throw unreadable();
      }
    },

    async revokeSubject({ subject, denyForMs, rememberForMs }) {
      const nowMs = clock();
      const notAfterMs = whole(
        await run(
          SCRIPTS.revokeSubject,
          [keys.subject(subject), keys.index(subject), keys.feed, keys.feedHead],
          [
            String(nowMs),
            subject,
            String(denyForMs),
            String(rememberForMs),
            keys.session(""),
            ...feedArgs(nowMs),
          ],
        ),
      );
      return { notAfterMs };
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
          [String(clock()), String(FEED_PAGE_SIZE), ...from],
        ),
      );
      return {
        entries: entries.map(revocationOf),
        cursor: encodeCursor({ epoch: text(epoch), seq: whole(seq), id: text(id) }),
        reset: reset === "1",
        more: more === "1",
      };
    },

    tokenStatus: (token) =>
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
      }),

    async readSession(sid) {
      const fields = texts(
        await run(SCRIPTS.readSession, [keys.session(sid)], [keys.subject("")]),
      );
      if (fields.length === 0) return null;
      const session = sessionOf(sid, fields);
      return isUnexpired(session, clock()) ? session : null;
    },

    async listSessions(subject) {
      const rows = await run(
        SCRIPTS.listSessions,
        [keys.index(subject), keys.subject(subject)],
        [keys.session("")],
      );
      if (!Array.isArray(rows)) throw unreadable();
      const nowMs = clock();
      return rows.map(listedSession)
        .filter((session) => isUnexpired(session, nowMs))
        .sort(youngestFirst);
    },

    async countAttempt(counters, windowMs) {
      const retryAfterMs = whole(
        await run(
          SCRIPTS.countAttempt,
          counters.map(({ key }) => keys.attempt(key)),
          [String(windowMs), ...counters.map(({ limit }) => String(limit))],
        ),
      );
      return retryAfterMs < 0 ? { allowed: true } : { allowed: false, retryAfterMs };
    },

    async refundAttempt(names) {
      await run(SCRIPTS.refundAttempt, names.map(keys.attempt), []);
    },

    async probe() {
      if (closed) throw new StoreUnavailableError("the Upstash store is closed");
      const reply = await client.run(SCRIPTS.probe, [keys.probe], [String(PROBE_LIFETIME_MS)]);
      if (reply !== "ready") throw unreadable();
      const policy = await evictionPolicy(client);
      if (policy === null || policy === "noeviction") return [];
      return [
        `the Redis at UPSTASH_REDIS_REST_URL evicts (maxmemory-policy ${policy}): when its memory ` +
        "is full it forgets revocations and signs people out; set noeviction (on Upstash: turn " +
        "eviction off)",
      ];
    },

    close() {
      closed = true;
      return Promise.resolve();
    },
  };
}

/** The `maxmemory-policy`, or `null` where it can not be read, as with most hosted databases. */
async function evictionPolicy(client: UpstashClient): Promise<string | null> {
  try {
    const reply = await client.command("CONFIG", "GET", "maxmemory-policy");
    if (Array.isArray(reply) && typeof reply[1] === "string") return reply[1];
  } catch {
    // Not allowed here: INFO may be.
  }
  try {
    const reply = await client.command("INFO", "memory");
    return /^maxmemory_policy:(\S+)/m.exec(String(reply))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** The order of {@link SessionStore.listSessions}; equal births are told apart by `sid`. */
function youngestFirst(a: SessionRecord, b: SessionRecord): number {
  return b.createdAtMs - a.createdAtMs || (a.sid < b.sid ? 1 : -1);
}
