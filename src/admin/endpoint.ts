/**
 * What the admin endpoints share: who asks, how an answer and a refusal look, and how a change
 * gets into the audit log.
 *
 * @module
 */
import type { Context, Hono } from "hono";
import * as z from "../base/schema.ts";
import type { WaitUntil } from "../base/background.ts";
import { type Problem, problemResponse } from "../http/problem.ts";
import { readFields } from "../http/body.ts";
import type { AuditEvent, EventSink } from "../telemetry/events.ts";
import type { Actor } from "./guard.ts";

/** What the runtime knows of a connection to the admin listener. */
export interface AdminConnection {
  readonly remoteAddress: string;
  readonly waitUntil: WaitUntil;
}

/** Hono's type parameters for the admin listener. */
export interface AdminEnv {
  Bindings: AdminConnection;
  Variables: { requestId: string; actor: Actor };
}

/** A request of the admin listener. */
export type AdminContext = Context<AdminEnv>;

/** The problem answer of this request (RFC 9457). */
export function refuse(c: AdminContext, problem: Problem): Response {
  return problemResponse(problem, c.get("requestId"));
}

/** Something that somebody did through the admin listener. */
export type AdminAction = Extract<AuditEvent, { event: "admin_action" }>["action"];

/** Writes the audit event of a change, with who made it. */
export function note(
  c: AdminContext,
  sink: EventSink,
  action: AdminAction,
  facts: Omit<Extract<AuditEvent, { event: "admin_action" }>, "event" | "action" | "actor"> = {},
): void {
  sink({ event: "admin_action", action, actor: c.get("actor").name, ...facts }, {
    requestId: c.get("requestId"),
    clientAddress: c.env.remoteAddress,
  });
}

/** Every other method on a path: 405 with `Allow` (RFC 9110 §15.5.6). Register it last. */
export function allowOnly(app: Hono<AdminEnv>, path: string, methods: readonly string[]): void {
  const allow = methods.includes("GET") ? [...methods, "HEAD"] : methods;
  app.all(path, (c) => refuse(c, { code: "method_not_allowed", allow }));
}

/** Fields of a query or a body as a typed value, or what is wrong with the first of them. */
export function parse<T>(
  schema: z.ZodMiniType<T>,
  fields: unknown,
): { readonly value: T } | { readonly problem: Problem } {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return { value: parsed.data };
  const [issue] = parsed.error.issues;
  const path = issue?.path.join(".") ?? "";
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys.join(", ") : null;
  return {
    problem: {
      code: "invalid_request",
      detail: unknown === null
        ? `${path === "" ? "The request" : path}: ${issue?.message ?? "is not valid"}`
        : `There is no parameter called ${unknown}.`,
    },
  };
}

/** The query of a request as plain fields; a name that stands twice is refused. */
export function queryOf(
  c: AdminContext,
): { readonly fields: Readonly<Record<string, string>> } | { readonly problem: Problem } {
  const fields: Record<string, string> = {};
  for (const [name, value] of new URL(c.req.raw.url).searchParams) {
    if (Object.hasOwn(fields, name)) {
      return { problem: { code: "invalid_request", detail: `${name}: stands twice` } };
    }
    fields[name] = value;
  }
  return { fields };
}

/** Reads and checks the query. */
export function readQuery<T>(
  c: AdminContext,
  schema: z.ZodMiniType<T>,
): { readonly value: T } | { readonly problem: Problem } {
  const query = queryOf(c);
  return "problem" in query ? query : parse(schema, query.fields);
}

/** Reads and checks a JSON body (or a form). */
export async function readBody<T>(
  c: AdminContext,
  schema: z.ZodMiniType<T>,
): Promise<{ readonly value: T } | { readonly problem: Problem }> {
  const body = await readFields(c.req.raw);
  return body.kind === "problem" ? body : parse(schema, body.fields);
}

const LIMIT_WORDS = { error: "must be a whole number from 1 to 500" };

/** How many a page may hold. */
export const pageLimit = z.prefault(
  z.coerce.number(LIMIT_WORDS)
    .check(z.int(LIMIT_WORDS), z.minimum(1, LIMIT_WORDS), z.maximum(500, LIMIT_WORDS)),
  100,
);

/** `true` or `false`, as a query or a form writes it. */
export const flag = z.stringbool({ error: 'must be "true" or "false"' });

/** `limit` and `after` of a list. */
export const pageQuery = {
  limit: pageLimit.check(
    z.describe("How many at most; a page may hold fewer, or none, while `next` is there."),
  ),
  after: z.exactOptional(z.string().check(z.maxLength(1024))).check(
    z.describe("`next` of the page before."),
  ),
};

/** An ISO 8601 time of something in milliseconds. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** A time as people and programs write it; becomes epoch milliseconds. */
export const timestamp = z.pipe(
  z.string(),
  z.transform((text, context) => {
    const ms = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(text)
      ? Date.parse(text)
      : NaN;
    if (Number.isNaN(ms)) {
      context.issues.push({
        code: "custom",
        input: text,
        message: "must be a time in ISO 8601, such as 2026-11-25T08:00:00Z",
      });
      return z.NEVER;
    }
    return ms;
  }),
);
