/**
 * Sessions and subjects: list, show, end.
 *
 * @module
 */
import { Hono } from "hono";
import * as z from "../base/schema.ts";
import type { KeyBinding, SessionRecord } from "../base/session.ts";
import {
  type AdminContext,
  type AdminEnv,
  allowOnly,
  flag,
  iso,
  note,
  pageQuery,
  readQuery,
  refuse,
  timestamp,
} from "./endpoint.ts";
import type { AdminParts, SessionQuery } from "./ports.ts";

/** A session as the API and the dashboard show it. */
export interface SessionView {
  readonly sid: string;
  readonly subject: string;
  /** The provider that vouched for the person; `null`: the password endpoint, or one that is gone. */
  readonly provider: string | null;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  /** No token of the session outlives it. */
  readonly endsAt: string;
  readonly userAgent: string;
  readonly ip: string;
  /** How its holder proves the key that it is bound to; `null`: it is bound to none. */
  readonly bound: KeyBinding["by"] | null;
}

/** Leaves out what names tokens (`jti`) and what only the gateway understands. */
function sessionView(
  session: SessionRecord,
  providersByGroup: ReadonlyMap<string, string>,
): SessionView {
  const group = session.groups.find((each) => providersByGroup.has(each)) ?? "";
  return {
    sid: session.sid,
    subject: session.subject,
    provider: providersByGroup.get(group) ?? null,
    createdAt: iso(session.createdAtMs),
    lastSeenAt: iso(session.lastSeenAtMs),
    endsAt: iso(session.capSeconds * 1000),
    userAgent: session.userAgent,
    ip: session.ip,
    bound: session.bound?.by ?? null,
  };
}

/** What `GET /v1/sessions` can be asked. */
export const sessionsQuery = z.strictObject({
  subject: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(512))),
  provider: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(64))).check(
    z.describe("Name of the provider in the configuration."),
  ),
  ip: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(64))),
  lastSeenBefore: z.exactOptional(timestamp),
  ...pageQuery,
});

/** What a page of sessions looks like. */
export interface SessionsPage {
  readonly sessions: readonly SessionView[];
  readonly next: string | null;
}

/** Lists sessions as they were asked for. */
export async function listSessions(
  parts: Pick<AdminParts, "sessions">,
  query: z.output<typeof sessionsQuery>,
): Promise<SessionsPage> {
  const { provider, lastSeenBefore, after, ...rest } = query;
  const group = provider === undefined ? undefined : await parts.sessions.groupOfProvider(provider);
  if (group === null) return { sessions: [], next: null };
  const asked: SessionQuery = {
    ...rest,
    after: after ?? null,
    ...(group === undefined ? {} : { group }),
    ...(lastSeenBefore === undefined ? {} : { lastSeenBeforeMs: lastSeenBefore }),
  };
  const { sessions, next } = await parts.sessions.list(asked);
  const byGroup = await parts.sessions.providersByGroup();
  return { sessions: sessions.map((each) => sessionView(each, byGroup)), next };
}

/** The longest list that is counted for somebody who only wants to know how many. */
const COUNT_LIMIT = 100_000;

/** How many live sessions a query finds; `atLeast` when counting was given up. */
export async function countSessions(
  parts: Pick<AdminParts, "sessions">,
  query: Omit<SessionQuery, "after" | "limit">,
  matches: (session: SessionRecord) => boolean = () => true,
): Promise<{ readonly count: number; readonly atLeast: boolean }> {
  let count = 0;
  let seen = 0;
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<AdminParts["sessions"]["list"]>> = await parts.sessions.list({
      ...query,
      after,
      limit: 500,
    });
    seen += page.sessions.length;
    count += page.sessions.filter(matches).length;
    after = page.next;
  } while (after !== null && seen < COUNT_LIMIT);
  return { count, atLeast: after !== null };
}

/** `/v1/sessions` and `/v1/subjects`. */
export function sessionEndpoints(parts: AdminParts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get("/sessions", async (c) => {
    const query = readQuery(c, sessionsQuery);
    if ("problem" in query) return refuse(c, query.problem);
    return c.json(await listSessions(parts, query.value));
  });
  allowOnly(app, "/sessions", ["GET"]);

  app.get("/sessions/:sid", async (c) => {
    const session = await parts.sessions.read(c.req.param("sid"));
    if (session === null) return refuse(c, { code: "session_not_found" });
    const byGroup = await parts.sessions.providersByGroup();
    return c.json({ ...sessionView(session, byGroup), claims: session.claims });
  });
  app.delete("/sessions/:sid", async (c) => {
    const sid = c.req.param("sid");
    const session = await parts.sessions.read(sid);
    if (session === null || !await parts.endings.end({ sid })) {
      return refuse(c, { code: "session_not_found" });
    }
    note(c, parts.events, "session_revoked", { sid, subject: session.subject });
    return c.body(null, 204);
  });
  allowOnly(app, "/sessions/:sid", ["GET", "DELETE"]);

  app.get("/subjects/:subject/sessions", async (c) => {
    const query = readQuery(c, z.strictObject(pageQuery));
    if ("problem" in query) return refuse(c, query.problem);
    return c.json(await listSessions(parts, { ...query.value, subject: subjectOf(c) }));
  });
  app.delete("/subjects/:subject/sessions", async (c) => {
    const query = readQuery(c, z.strictObject({ dryRun: z.prefault(flag, "false") }));
    if ("problem" in query) return refuse(c, query.problem);
    const subject = subjectOf(c);
    const found = await countSessions(parts, { subject });
    if (query.value.dryRun) return c.json({ ...found, dryRun: true });
    await parts.endings.end({ subject });
    note(c, parts.events, "subject_revoked", { subject, count: found.count });
    return c.json({ ...found, dryRun: false });
  });
  allowOnly(app, "/subjects/:subject/sessions", ["GET", "DELETE"]);

  return app;
}

function subjectOf(c: AdminContext): string {
  return c.req.param("subject") ?? "";
}
