/**
 * The OpenAPI 3.1 document of the admin API, at `/openapi.json`.
 *
 * @module
 */
import * as z from "../base/schema.ts";
import { type AnswerName, ANSWERS } from "./answers.ts";
import type { AdminExtension } from "./app.ts";
import { allowOnly, pageQuery } from "./endpoint.ts";
import { revocationBody } from "./revocations.ts";
import { sessionsQuery } from "./sessions.ts";

/** One operation of the API. */
interface Operation {
  readonly method: "get" | "post" | "delete";
  /** As Hono writes it. */
  readonly path: string;
  readonly summary: string;
  readonly answer: AnswerName | "nothing" | "text";
  readonly status?: number;
  readonly query?: z.ZodMiniObject;
  readonly body?: z.ZodMiniType;
  /** Codes of problems beside those that every operation can have. */
  readonly problems?: readonly number[];
}

const limit = z.strictObject({
  limit: z.prefault(z.int().check(z.minimum(1), z.maximum(500)), 100),
});

/** Everything the API can be asked. */
export const OPERATIONS: readonly Operation[] = [
  { method: "get", path: "/livez", summary: "The process is alive", answer: "Alive" },
  {
    method: "get",
    path: "/readyz",
    summary: "Requests may be sent here",
    answer: "Ready",
    problems: [503],
  },
  { method: "get", path: "/metrics", summary: "Prometheus metrics", answer: "text" },
  {
    method: "get",
    path: "/v1/status",
    summary: "Version, readiness, revocation view and configuration in force",
    answer: "Status",
  },
  {
    method: "get",
    path: "/v1/sessions",
    summary: "Live sessions",
    answer: "Sessions",
    query: sessionsQuery,
    problems: [400],
  },
  {
    method: "get",
    path: "/v1/sessions/:sid",
    summary: "One session",
    answer: "Session",
    problems: [404],
  },
  {
    method: "delete",
    path: "/v1/sessions/:sid",
    summary: "End one session",
    answer: "nothing",
    status: 204,
    problems: [404],
  },
  {
    method: "get",
    path: "/v1/subjects/:subject/sessions",
    summary: "The sessions of one subject, youngest first",
    answer: "Sessions",
    query: z.strictObject(pageQuery),
    problems: [400],
  },
  {
    method: "delete",
    path: "/v1/subjects/:subject/sessions",
    summary: "End every session of one subject",
    answer: "Counted",
    query: z.strictObject({ dryRun: z.prefault(z.boolean(), false) }),
    problems: [400],
  },
  {
    method: "get",
    path: "/v1/revocations",
    summary: "The blacklist, in the order in which it was written",
    answer: "Revocations",
    query: z.strictObject({ after: pageQuery.after }),
    problems: [400],
  },
  {
    method: "post",
    path: "/v1/revocations",
    summary: "End sessions or a token; exactly one selector",
    answer: "Counted",
    body: revocationBody,
    problems: [400, 404, 413, 415, 501],
  },
  {
    method: "get",
    path: "/v1/upstreams",
    summary: "Upstreams and the health of their targets",
    answer: "Upstreams",
  },
  {
    method: "get",
    path: "/v1/issuers",
    summary: "Identity sources, providers and issuers",
    answer: "Issuers",
  },
  { method: "get", path: "/v1/keys", summary: "The key ring", answer: "Keys" },
  {
    method: "get",
    path: "/v1/events",
    summary: "The last audit events of this instance, youngest first",
    answer: "Events",
    query: limit,
    problems: [400],
  },
  {
    method: "get",
    path: "/v1/config",
    summary: "The configuration in force, without its secrets",
    answer: "Config",
  },
  {
    method: "post",
    path: "/v1/config/check",
    summary: "Whether a configuration could be put in force",
    answer: "ConfigCheck",
    body: z.looseObject({}).check(z.describe("A whole postern.json.")),
    problems: [413],
  },
  {
    method: "post",
    path: "/v1/config/reload",
    summary: "Read the configuration again and put it in force",
    answer: "Reloaded",
    problems: [422, 501],
  },
  {
    method: "post",
    path: "/v1/drain",
    summary: "Stop being ready, and let go of WebSockets and event streams",
    answer: "Draining",
    status: 202,
    problems: [501],
  },
];

/** Serves the document. */
export const openApi: AdminExtension = (app, parts) => {
  const document = openApiDocument(parts.about.version);
  app.get("/openapi.json", (c) => c.json(document));
  allowOnly(app, "/openapi.json", ["GET"]);
};

/** The document as a value. */
export function openApiDocument(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    const path = operation.path.replace(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[operation.method] = describe(operation);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Postern admin API",
      version,
      description: "Sessions, revocations, state and configuration of one gateway instance.",
    },
    // Asked for on a loopback address or a Unix socket only where POSTERN_ADMIN_TOKEN is set.
    security: [{}, { token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: Object.fromEntries(
        Object.entries(ANSWERS).map(([name, schema]) => [name, jsonSchema(schema)]),
      ),
    },
  };
}

function describe(operation: Operation): Record<string, unknown> {
  const { method, path, answer, status = 200, query, body, problems = [] } = operation;
  const isProbe = path === "/livez" || path === "/readyz";
  const refusals = [
    ...(isProbe ? [] : [401, 403, 421]),
    ...problems,
  ];
  return {
    operationId: `${method}${path.replace(/[^A-Za-z]+(\w?)/g, (_, c: string) => c.toUpperCase())}`,
    summary: operation.summary,
    parameters: [
      ...path.matchAll(/:(\w+)/g).map(([, name]) => ({
        name,
        in: "path",
        required: true,
        schema: { type: "string" },
      })),
      ...parametersOf(query),
    ],
    ...(body === undefined ? {} : {
      requestBody: {
        required: true,
        content: { "application/json": { schema: jsonSchema(body) } },
      },
    }),
    responses: {
      [status]: {
        description: operation.summary,
        ...contentOf(answer),
      },
      ...Object.fromEntries(
        // Whatever the operation: 405 for another method, 503 while the store is away, 500.
        [...[...new Set(refusals)].sort(), "default"].map((code) => [code, {
          description: "A problem document",
          content: { "application/problem+json": { schema: reference("Problem") } },
        }]),
      ),
    },
  };
}

function contentOf(answer: Operation["answer"]): Record<string, unknown> {
  if (answer === "nothing") return {};
  if (answer === "text") return { content: { "text/plain": { schema: { type: "string" } } } };
  return { content: { "application/json": { schema: reference(answer) } } };
}

function parametersOf(query: z.ZodMiniObject | undefined): Record<string, unknown>[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(query) as {
    properties?: Record<string, { description?: string }>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

function jsonSchema(schema: z.ZodMiniType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return rest;
}

function reference(name: AnswerName): Record<string, string> {
  return { $ref: `#/components/schemas/${name}` };
}
