/**
 * Ending many at once, and what is on the blacklist.
 *
 * @module
 */
import { Hono } from "hono";
import * as z from "../base/schema.ts";
import type { SessionRecord } from "../base/session.ts";
import type { Problem } from "../http/problem.ts";
import {
  type AdminContext,
  type AdminEnv,
  allowOnly,
  flag,
  iso,
  note,
  readBody,
  readQuery,
  refuse,
  timestamp,
} from "./endpoint.ts";
import type { AdminAction } from "./endpoint.ts";
import type { AdminParts, Selector, SelectorKind } from "./ports.ts";
import { countSessions } from "./sessions.ts";

const SELECTORS = ["sid", "subject", "jti", "provider", "issuedBefore"] as const;

/** What `POST /v1/revocations` takes: exactly one selector. */
export const revocationBody = z.strictObject({
  sid: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(128))),
  subject: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(512))),
  jti: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(128))),
  provider: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(64))),
  issuedBefore: z.exactOptional(timestamp).check(
    z.describe("Everything that was issued at or before this time, of everybody."),
  ),
  dryRun: z.prefault(z.union([z.boolean(), flag], { error: "must be true or false" }), false).check(
    z.describe("Only says how many sessions it would end."),
  ),
}).check(
  z.refine((body) => SELECTORS.filter((name) => body[name] !== undefined).length === 1, {
    error: `takes exactly one of ${SELECTORS.join(", ")}`,
  }),
);

type RevocationBody = z.output<typeof revocationBody>;

const ACTION: Readonly<Record<SelectorKind, AdminAction>> = {
  sid: "session_revoked",
  subject: "subject_revoked",
  jti: "token_revoked",
  provider: "provider_revoked",
  issuedBefore: "revoked_before",
};

/** How many sessions something is about; `atLeast` when counting was given up. */
export interface Counted {
  readonly count: number | null;
  readonly atLeast: boolean;
}

/** `/v1/revocations`. */
export function revocationEndpoints(parts: AdminParts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get("/revocations", async (c) => {
    const query = readQuery(
      c,
      z.strictObject({ after: z.exactOptional(z.string().check(z.maxLength(1024))) }),
    );
    if ("problem" in query) return refuse(c, query.problem);
    const { items, next } = await parts.revocations(query.value.after ?? null);
    return c.json({
      revocations: items.map(({ kind, of, notAfterMs, untilMs }) => ({
        kind,
        of,
        notAfter: notAfterMs === null ? null : iso(notAfterMs),
        until: iso(untilMs),
      })),
      next,
    });
  });

  app.post("/revocations", async (c) => {
    const body = await readBody(c, revocationBody);
    if ("problem" in body) return refuse(c, body.problem);
    const outcome = await endSelected(c, parts, body.value);
    if ("problem" in outcome) return refuse(c, outcome.problem);
    return c.json({ ...outcome.found, dryRun: body.value.dryRun });
  });
  allowOnly(app, "/revocations", ["GET", "POST"]);

  return app;
}

/** Ends what was asked for and writes it into the audit log; with `dryRun` it only counts. */
export async function endSelected(
  c: AdminContext,
  parts: AdminParts,
  body: RevocationBody,
): Promise<{ readonly found: Counted } | { readonly problem: Problem }> {
  const { kind, selector } = selectorOf(body);
  if (!parts.endings.can(kind)) {
    return {
      problem: { code: "not_implemented", detail: `This gateway can not revoke by ${kind}.` },
    };
  }
  const found = await countFor(parts, selector);
  if (body.dryRun) return { found };
  if (!await parts.endings.end(selector)) return { problem: { code: "session_not_found" } };
  const { dryRun: _dryRun, issuedBefore, ...facts } = body;
  note(c, parts.events, ACTION[kind], {
    ...facts,
    ...(issuedBefore === undefined ? {} : { issuedBefore: iso(issuedBefore) }),
    ...(found.count === null ? {} : { count: found.count }),
  });
  return { found };
}

/** The one selector of a body. */
export function selectorOf(
  body: RevocationBody,
): { readonly kind: SelectorKind; readonly selector: Selector } {
  const { sid, subject, jti, provider, issuedBefore } = body;
  if (sid !== undefined) return { kind: "sid", selector: { sid } };
  if (subject !== undefined) return { kind: "subject", selector: { subject } };
  if (jti !== undefined) return { kind: "jti", selector: { jti } };
  if (provider !== undefined) return { kind: "provider", selector: { provider } };
  return { kind: "issuedBefore", selector: { issuedBeforeMs: issuedBefore ?? 0 } };
}

/** How many live sessions it is about; `null` where nobody can say (a single token). */
export async function countFor(parts: AdminParts, selector: Selector): Promise<Counted> {
  if ("jti" in selector) return { count: null, atLeast: false };
  if ("sid" in selector) {
    const session = await parts.sessions.read(selector.sid);
    return { count: session === null ? 0 : 1, atLeast: false };
  }
  if ("subject" in selector) return await countSessions(parts, { subject: selector.subject });
  if ("provider" in selector) {
    const group = await parts.sessions.groupOfProvider(selector.provider);
    return group === null ? { count: 0, atLeast: false } : await countSessions(parts, { group });
  }
  const isOlder = (session: SessionRecord) => session.createdAtMs <= selector.issuedBeforeMs;
  return await countSessions(parts, {}, isOlder);
}
