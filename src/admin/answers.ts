/**
 * What the admin API answers, as schemas: the OpenAPI document is made of them, and a test holds
 * the real answers to them.
 *
 * @module
 */
import * as z from "../base/schema.ts";

const time = z.iso.datetime().check(z.describe("ISO 8601, UTC."));
const next = z.nullable(z.string()).check(
  z.describe("Hand it back as `after`; null: this was the last page."),
);

const session = {
  sid: z.string(),
  subject: z.string(),
  provider: z.nullable(z.string()).check(
    z.describe(
      "Who vouched for the person; null: the password endpoint, or a provider that is gone.",
    ),
  ),
  createdAt: time,
  lastSeenAt: time,
  endsAt: time.check(z.describe("No token of the session outlives it.")),
  userAgent: z.string(),
  ip: z.string(),
  bound: z.nullable(z.enum(["dbsc", "script", "dpop"])).check(
    z.describe("How its holder proves the key that it is bound to; null: it is bound to none."),
  ),
};

const counted = {
  count: z.nullable(z.int()).check(z.describe("Live sessions it is about; null: nobody can say.")),
  atLeast: z.boolean().check(z.describe("Counting was given up: there are more.")),
  dryRun: z.boolean(),
};

const readiness = z.union([
  z.strictObject({ ready: z.literal(true) }),
  z.strictObject({
    ready: z.literal(false),
    why: z.enum(["starting", "draining", "store_unavailable"]),
  }),
]);

/** Answers by name. */
export const ANSWERS = {
  Alive: z.strictObject({ status: z.literal("ok") }),
  Ready: z.strictObject({ status: z.literal("ready") }),
  Session: z.strictObject({
    ...session,
    claims: z.record(z.string(), z.unknown()),
  }),
  Sessions: z.strictObject({ sessions: z.array(z.strictObject(session)), next }),
  Counted: z.strictObject(counted),
  Revocations: z.strictObject({
    revocations: z.array(z.strictObject({
      kind: z.string(),
      of: z.nullable(z.string()),
      notAfter: z.nullable(time),
      until: time.check(z.describe("When the entry drops out by itself.")),
    })),
    next,
  }),
  Status: z.strictObject({
    version: z.string(),
    runtime: z.string(),
    startedAt: time,
    now: time,
    ready: readiness,
    revocationView: z.strictObject({
      ageSeconds: z.nullable(z.number()),
      entries: z.int(),
    }),
    configuration: z.strictObject({ hash: z.string(), since: time }),
  }),
  Upstreams: z.strictObject({
    upstreams: z.array(z.strictObject({
      name: z.string(),
      targets: z.array(z.strictObject({
        origin: z.string(),
        healthy: z.boolean(),
        restsForSeconds: z.nullable(z.number()).check(
          z.describe("Until a target that failed is tried again."),
        ),
        inFlight: z.int(),
      })),
    })),
  }),
  Issuers: z.strictObject({
    issuers: z.array(z.strictObject({
      name: z.string(),
      kind: z.enum(["password", "provider", "issuer", "demo"]),
      url: z.nullable(z.string()),
      keysAgeSeconds: z.nullable(z.number()),
      problem: z.nullable(z.string()),
    })),
  }),
  Keys: z.strictObject({
    keys: z.array(z.strictObject({
      kid: z.string(),
      alg: z.string(),
      createdAt: z.nullable(time).check(z.describe("null: the key has no `iat`.")),
      signs: z.boolean(),
      lastVerifiedAt: z.nullable(time),
      unused: z.boolean().check(z.describe("It verified nothing for a day and can be taken out.")),
    })),
  }),
  Events: z.strictObject({
    events: z.array(z.looseObject({
      time,
      event: z.string(),
      requestId: z.string(),
      client: z.string(),
    })),
  }),
  Config: z.strictObject({ hash: z.string(), since: time, config: z.unknown() }),
  ConfigCheck: z.strictObject({ valid: z.boolean(), problems: z.array(z.string()) }),
  Reloaded: z.strictObject({ changed: z.boolean(), hash: z.string() }),
  Draining: z.strictObject({ draining: z.literal(true) }),
  Problem: z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().check(z.describe("Stable; programs look at this one.")),
    detail: z.exactOptional(z.string()),
    requestId: z.string(),
  }).check(z.describe("RFC 9457.")),
} as const;

/** The name of an answer. */
export type AnswerName = keyof typeof ANSWERS;
