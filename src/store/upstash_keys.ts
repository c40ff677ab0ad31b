/**
 * What Postern stores in Redis. This is the whole of it: ids, times and claims.
 * No token, password or key is ever among them, and every key expires by itself.
 *
 * | key (behind `<prefix>:`) | type | holds | lives | written by |
 * | --- | --- | --- | --- | --- |
 * | `session:<sid>` | hash | `subject`, `claims` (JSON), `createdAt`, `lastSeenAt` (ms), `cap` (s), `userAgent`, `ip`; the live generation: `refreshJti`, `accessJti`, `issuedAt`, `refreshExpiresAt` (s); `revokedAt` (ms) once it is revoked | until its refresh token expires, and a minute | `open`, `rotate`, `revoke_session` |
 * | `successor:<sid>:<spent jti>` | hash | the generation the spent token was exchanged for: `refreshJti`, `accessJti`, `issuedAt`, `refreshExpiresAt` (s) | the grace window | `rotate` |
 * | `sessions:<subject>` | sorted set | index: `sid` by the time its record ends (ms) | as the longest record in it | `open`, `rotate`, `revoke_*`, `list_sessions` |
 * | `subject:<subject>` | string | sessions opened up to this time (ms) are revoked | the longest life of a refresh token | `revoke_subject` |
 * | `token:<jti>` | string | the token is revoked until this time (ms) | until then | `revoke_token` |
 * | `departed:<sid>` | string | `1`: revoked after its record had gone | the life of an access token | `revoke_session` |
 * | `feed` | list | revocations, oldest first: `<seq>:<id>:<until ms>:` and `session:<sid>`, `token:<jti>` or `subject:<not after ms>:<subject>` | a minute longer than its last entry | `rotate` (reuse), `revoke_*` |
 * | `feed:head` | hash | place of the newest entry: `epoch`, `seq`, `id` | 30 days longer than the feed | as `feed` |
 * | `attempt:<key>` | string | attempts counted in this window | until the window ends | `count_attempt`, `refund_attempt` |
 * | `probe` | string | `ready` | a second | `probe` |
 *
 * @module
 */

/** What a prefix may be made of. No colon: keys of two gateways could then be the same. */
export const PREFIX = /^[A-Za-z0-9_.-]{1,64}$/;

/** Names the keys of one gateway. */
export interface UpstashKeys {
  session(sid: string): string;
  successor(sid: string, spentJti: string): string;
  index(subject: string): string;
  subject(subject: string): string;
  token(jti: string): string;
  departed(sid: string): string;
  readonly feed: string;
  readonly feedHead: string;
  attempt(key: string): string;
  readonly probe: string;
}

/** Makes the keys behind a prefix. */
export function createKeys(prefix: string): UpstashKeys {
  return {
    session: (sid) => `${prefix}:session:${sid}`,
    successor: (sid, spentJti) => `${prefix}:successor:${sid}:${spentJti}`,
    index: (subject) => `${prefix}:sessions:${subject}`,
    subject: (subject) => `${prefix}:subject:${subject}`,
    token: (jti) => `${prefix}:token:${jti}`,
    departed: (sid) => `${prefix}:departed:${sid}`,
    feed: `${prefix}:feed`,
    feedHead: `${prefix}:feed:head`,
    attempt: (key) => `${prefix}:attempt:${key}`,
    probe: `${prefix}:probe`,
  };
}
