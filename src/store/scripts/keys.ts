/**
 * What Postern stores in Redis. This is the whole of it: ids, times and claims.
 * No token that somebody could use, no password and no key is ever among them,
 * and every key expires by itself.
 *
 * | key (behind `<prefix>:`) | type | holds | lives | written by |
 * | --- | --- | --- | --- | --- |
 * | `session:<sid>` | hash | `subject`, `claims` (JSON), `createdAt`, `lastSeenAt` (ms), `cap` (s), `userAgent`, `ip`, `groups` (names with spaces between), `bound` (how, thumbprint), `sealed`, `latestExp` (s); the live generation: `refreshJti`, `accessJti`, `issuedAt`, `accessExpiresAt`, `refreshExpiresAt` (s); `previousJti`: what it was exchanged for; `revokedAt`, `revokedUntil` (ms) once it is revoked | until its tokens have expired, and a minute | `open`, `rotate`, `bind`, `revoke_session` |
 * | `successor:<sid>:<spent jti>` | hash | the generation the spent token was exchanged for: `refreshJti`, `accessJti`, `issuedAt`, `accessExpiresAt`, `refreshExpiresAt` (s) | the grace window | `rotate` |
 * | `list:<subject>` | sorted set | index: `sid` by birth (ms) | as the longest record in it | `open`, `rotate`, `revoke_session`, `list_sessions` |
 * | `horizon` | hash | `birth`: of the youngest session (ms); `access`: end of the last access token (ms) | as the longest record there is | `open`, `rotate` |
 * | `group:<group>` | string | sessions of the group opened up to this time (ms) are revoked | as the longest record there was, and six hours | `revoke_group` |
 * | `token:<jti>` | string | the token is revoked until this time (ms) | until then, and six hours | `revoke_token` |
 * | `departed:<sid>` | string | revoked after its record had gone; until when the feed tells of it (ms) | until then, and six hours | `revoke_session` |
 * | `feed` | list | revocations, oldest first: `<seq>:<id>:<until ms>:` and `session:<sid>`, `token:<jti>` or `group:<not after ms>:<group>` | six hours longer than its last entry | `open`, `rotate` (reuse), `revoke_*` |
 * | `feed:head` | hash | place of the newest entry: `epoch`, `seq`, `id` | 30 days longer than the feed | as `feed` |
 * | `failure:<key>` | string | failed attempts in this window | until the window ends | `settle_attempt` |
 * | `wait:<key>` | string | `1`: the last failure makes wait | the wait | `settle_attempt` |
 * | `held:<key>` | sorted set | attempts under way by the time their place runs out (ms) | as the last place | `reserve_attempt`, `settle_attempt` |
 * | `settled:<attempt>` | string | `1`: how it ended was told | a minute | `settle_attempt` |
 * | channel `feed` | – | the number of each new entry | – | as `feed` |
 * | `probe` | string | `ready` | a second | `probe` |
 *
 * @module
 */

/** What a prefix may be made of. No colon: keys of two gateways could then be the same. */
export const PREFIX = /^[A-Za-z0-9_.-]{1,64}$/;

/** Names the keys of one gateway. */
export interface RedisKeys {
  /** What every key begins with. */
  readonly space: string;
  session(sid: string): string;
  successor(sid: string, spentJti: string): string;
  index(subject: string): string;
  readonly horizon: string;
  group(group: string): string;
  token(jti: string): string;
  departed(sid: string): string;
  readonly feed: string;
  readonly feedHead: string;
  /** The three keys of one counter. */
  counter(key: string): readonly [failures: string, wait: string, held: string];
  settled(id: string): string;
  readonly probe: string;
}

/**
 * Makes the keys behind a prefix. `inOneSlot` puts the prefix into a hash tag,
 * so that a cluster keeps all of them on one node: scripts need them together.
 */
export function createKeys(prefix: string, { inOneSlot = false } = {}): RedisKeys {
  const space = inOneSlot ? `{${prefix}}:` : `${prefix}:`;
  return {
    space,
    session: (sid) => `${space}session:${sid}`,
    successor: (sid, spentJti) => `${space}successor:${sid}:${spentJti}`,
    index: (subject) => `${space}list:${subject}`,
    horizon: `${space}horizon`,
    group: (group) => `${space}group:${group}`,
    token: (jti) => `${space}token:${jti}`,
    departed: (sid) => `${space}departed:${sid}`,
    feed: `${space}feed`,
    feedHead: `${space}feed:head`,
    counter: (key) => [`${space}failure:${key}`, `${space}wait:${key}`, `${space}held:${key}`],
    settled: (id) => `${space}settled:${id}`,
    probe: `${space}probe`,
  };
}
