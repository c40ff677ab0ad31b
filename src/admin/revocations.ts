/**
 * Ending many at once, and what is on the blacklist.
 *
 * @module
 */
import { Hono } from "hono";
import * as z from "zod";
import type { SessionRecord } from "../base/session.ts";
import {
  type AdminEnv,
  allowOnly,
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
  sid: z.string().min(1).max(128).exactOptional(),
  subject: z.string().min(1).max(512).exactOptional(),
  jti: z.string().min(1).max(128).exactOptional(),
  provider: z.string().min(1).max(64).exactOptional(),
  issuedBefore: timestamp.exactOptional()
    .describe("Everything that was issued at or before this time, of everybody."),
  dryRun: z.union([z.boolean(), z.stringbool()]).prefault(false)
    .describe("Only says how many sessions it would end."),
}).refine(
  (body) => SELECTORS.filter((name) => body[name] !== undefined).length === 1,
  { error: `takes exactly one of ${SELECTORS.join(", ")}` },
);

type RevocationBody = z.output<typeof revocationBody>;

const ACTION: Readonly<Record<SelectorKind, AdminAction>> = {
  sid: "session_revoked",
  subject: "subject_revoked",
  jti: "token_revoked",
  provider: "provider_revoked",
  issuedBefore: "revoked_before",
};

/** `/v1/revocations`. */
export function revocationEndpoints(parts: AdminParts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get("/revocations", async (c) => {
    const query = readQuery(c, z.strictObject({ after: z.string().max(1024).exactOptional() }));
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
    const asked = selectorOf(body.value);
    if (!parts.endings.can(asked.kind)) {
      return refuse(c, {
        code: "not_implemented",
        detail: `This gateway can not revoke by ${asked.kind}.`,
      });
    }
    const found = await count(parts, asked.selector);
    if (body.value.dryRun) return c.json({ ...found, dryRun: true });
    if (!await parts.endings.end(asked.selector)) return refuse(c, { code: "session_not_found" });
    const { dryRun: _dryRun, issuedBefore, ...facts } = body.value;
    note(c, parts.events, ACTION[asked.kind], {
      ...facts,
      ...(issuedBefore === undefined ? {} : { issuedBefore: iso(issuedBefore) }),
      ...(found.count === null ? {} : { count: found.count }),
    });
    return c.json({ ...found, dryRun: false });
  });
  allowOnly(app, "/revocations", ["GET", "POST"]);

  return app;
}

function selectorOf(
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
async function count(
  parts: AdminParts,
  selector: Selector,
): Promise<{ readonly count: number | null; readonly atLeast: boolean }> {
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
