/**
 * Sessions, generations and rotations for the store's tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { v4, v7 } from "uuid";
import { recordOf } from "../../src/store/rules.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { SessionRecord, TokenGeneration } from "../../src/base/session.ts";
import type { NewSession, Revocation, Rotation, SessionStore } from "../../src/store/port.ts";

export const GRACE_MS = 10_000;
export const DENY_FOR_MS = 30 * 60_000;
export const REFRESH_TTL_SECONDS = 30 * 86_400;
export const MAX_AGE_SECONDS = 90 * 86_400;
export const REMEMBER_FOR_MS = (REFRESH_TTL_SECONDS + 60) * 1000;
export const ACCESS_TTL_SECONDS = 30 * 60;
export const MINUTE_MS = 60_000;
export const LIMITS = { maxSessions: 100, denyForMs: DENY_FOR_MS };
/** What a sign-in comes to that ends no other session. */
export const OPENED = { kind: "opened", ended: [] } as const;

/** A generation that is issued now. */
export function generation(
  clock: Clock,
  overrides: Partial<TokenGeneration> = {},
): TokenGeneration {
  const issuedAtSeconds = Math.floor(clock() / 1000);
  return {
    refreshJti: v4(),
    accessJti: v4(),
    issuedAtSeconds,
    accessExpiresAtSeconds: issuedAtSeconds + ACCESS_TTL_SECONDS,
    refreshExpiresAtSeconds: issuedAtSeconds + REFRESH_TTL_SECONDS,
    ...overrides,
  };
}

/** A stand-in for the hash that names a subject's group. */
export function subjectGroup(subject: string): string {
  return new TextEncoder().encode(`subject ${subject}`)
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/** A sign-in that happens now. */
export function newSession(clock: Clock, overrides: Partial<NewSession> = {}): NewSession {
  const createdAtMs = overrides.createdAtMs ?? clock();
  return {
    sid: v7({ msecs: createdAtMs }),
    subject: "alice",
    claims: { scope: "read write", roles: ["admin", 7, null, { deep: true }] },
    createdAtMs,
    capSeconds: Math.floor(createdAtMs / 1000) + MAX_AGE_SECONDS,
    userAgent: "Mozilla/5.0 (X11; Linux) “Ünïcode” 😀",
    ip: "2001:db8::7",
    groups: [subjectGroup(overrides.subject ?? "alice")],
    bound: null,
    sealed: null,
    current: generation(clock),
    ...overrides,
  };
}

/** An exchange of the session's live refresh token, by whoever holds its key. */
export function rotationOf(
  clock: Clock,
  session: NewSession | SessionRecord,
  overrides: Partial<Rotation> = {},
): Rotation {
  return {
    sid: session.sid,
    subject: session.subject,
    presentedJti: session.current.refreshJti,
    next: generation(clock),
    graceMs: GRACE_MS,
    denyForMs: DENY_FOR_MS,
    groups: session.groups,
    jkt: session.bound?.jkt ?? null,
    ...overrides,
  };
}

/** Signs in and returns the session as the store keeps it. */
export async function openSession(
  store: SessionStore,
  clock: Clock,
  overrides: Partial<NewSession> = {},
): Promise<SessionRecord> {
  const session = newSession(clock, overrides);
  const outcome = await store.open(session, LIMITS);
  if (outcome.kind !== "opened") throw new Error(`sign-in was ${outcome.kind}`);
  return recordOf(session);
}

/** Rotates the session's live token, which must succeed, and returns the session afterwards. */
export async function rotateOnce(
  store: SessionStore,
  clock: Clock,
  session: SessionRecord,
  overrides: Partial<Rotation> = {},
): Promise<SessionRecord> {
  const outcome = await store.rotate(rotationOf(clock, session, overrides));
  if (outcome.kind !== "rotated") throw new Error(`rotation was ${outcome.kind}`);
  return outcome.session;
}

/** The sessions of a subject. */
export async function listOf(
  store: SessionStore,
  subject: string,
): Promise<readonly SessionRecord[]> {
  return (await store.listSessions({ subject, after: null, limit: 1_000 })).sessions;
}

/** Revokes one session. */
export function revokeSession(
  store: SessionStore,
  { sid, subject }: { readonly sid: string; readonly subject: string },
  { mustExist = false } = {},
) {
  return store.revokeSession({ sid, subject, denyForMs: DENY_FOR_MS, mustExist });
}

/** Revokes every session of a subject, by its group. */
export function revokeSubject(store: SessionStore, subject: string, lives: Partial<Lives> = {}) {
  return revokeGroup(store, subjectGroup(subject), lives);
}

interface Lives {
  readonly denyForMs: number;
  readonly rememberForMs: number;
}

/** Revokes every session of a group. */
export function revokeGroup(store: SessionStore, group: string, lives: Partial<Lives> = {}) {
  return store.revokeGroup({
    group,
    denyForMs: DENY_FOR_MS,
    rememberForMs: REMEMBER_FOR_MS,
    ...lives,
  });
}

/** Asks for a session's access token. */
export function statusOf(
  store: SessionStore,
  { sid, subject, current, groups, createdAtMs }: NewSession | SessionRecord,
  { jti = current.accessJti } = {},
) {
  return store.tokenStatus({ sid, subject, jti, groups, bornAtMs: createdAtMs });
}

/** A revocation in words. */
export function nameOfRevocation(revocation: Revocation): string {
  switch (revocation.kind) {
    case "session":
      return `session ${revocation.sid}`;
    case "token":
      return `token ${revocation.jti}`;
    case "group":
      return `group ${revocation.group}`;
  }
}

/** Real time passes while a test runs: allow it a good part of a minute. */
export function assertNear(actualMs: number, expectedMs: number): void {
  assert.ok(
    actualMs <= expectedMs && actualMs > expectedMs - 30_000,
    `${actualMs} ms is not near ${expectedMs} ms`,
  );
}
