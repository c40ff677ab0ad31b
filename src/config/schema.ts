/**
 * The shape of `postern.json`: one zod schema that is also the reference, and
 * the source of the JSON Schema that editors read (`deno task schema`).
 *
 * @module
 */
import * as z from "zod";
import { durationMs, isDuration } from "../base/duration.ts";
import type { Duration } from "../base/duration.ts";
import { isJsonPointer } from "../base/json_pointer.ts";
import { isSize, sizeBytes } from "../base/size.ts";
import type { Size } from "../base/size.ts";
import { LANGUAGES, TEXT_NAMES } from "../endpoints/pages/texts.ts";
import { patternProblem } from "../policy/routes.ts";
import { headerRuleProblem, isHeaderValue } from "./header_rules.ts";

function duration(fallback: Duration, range: { min: Duration; max?: Duration }) {
  const max = range.max;
  return z.string()
    .refine(isDuration, { error: 'must be a duration with a unit, such as "30s" or "15m"' })
    .refine(
      (text) =>
        !isDuration(text) ||
        (durationMs(text) >= durationMs(range.min) &&
          (max === undefined || durationMs(text) <= durationMs(max))),
      { error: `must be at least ${range.min}${max === undefined ? "" : ` and at most ${max}`}` },
    )
    .transform((text) => text as Duration)
    .prefault(fallback);
}

function size() {
  return z.string()
    .refine(isSize, { error: 'must be a size with a unit, such as "64KiB" or "10MiB"' })
    .refine((text) => !isSize(text) || Number.isSafeInteger(sizeBytes(text)), {
      error: "is too large",
    })
    .transform((text) => text as Size);
}

const jsonPointer = z.string().refine(isJsonPointer, {
  error: 'must be a JSON pointer (RFC 6901), such as "/user/id"',
});

/** An absolute `http:` or `https:` URL without credentials, query or fragment. */
function httpUrl(what: string, options: { readonly path: boolean }) {
  const example = options.path ? "http://127.0.0.1:8000/api/login" : "http://127.0.0.1:8000";
  return z.string().refine((text) => {
    const url = URL.parse(text);
    if (url === null || !/^https?:$/.test(url.protocol)) return false;
    if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
      return false;
    }
    return options.path || url.pathname === "/";
  }, { error: `must be ${what}, such as "${example}"` });
}

const ownPath = z.string().regex(/^(\/[A-Za-z0-9_-]+)+$/, {
  error: 'must be an absolute path without a trailing slash, such as "/auth"',
});

const claimName = z.string().regex(/^[A-Za-z][A-Za-z0-9_:-]{0,63}$/, {
  error: "must be a claim name: a letter, then letters, digits, _ : or -",
});

/** RFC 6749 §3.3 scope-token. */
const scopeToken = z.string().regex(/^[\x21\x23-\x5B\x5D-\x7E]+$/, {
  error: "must be a scope token without spaces or quotes (RFC 6749 section 3.3)",
});

const claimsMap = z.record(claimName, jsonPointer).prefault({})
  .describe("Claim name to JSON pointer into the answer of the identity source.");

const upstreamIdentity = z.strictObject({
  kind: z.literal("upstream"),
  url: httpUrl("an http(s) URL", { path: true })
    .describe("The existing login endpoint; the credentials are posted to it."),
  format: z.enum(["json", "form"]).prefault("json"),
  usernameField: z.string().min(1).prefault("username"),
  passwordField: z.string().min(1).prefault("password"),
  token: jsonPointer.exactOptional().describe(
    "Where a JWT stands in the answer; subject and claims are then read from its payload.",
  ),
  subject: jsonPointer.describe("Where the subject stands in the answer (or in the JWT)."),
  claims: claimsMap,
  timeout: duration("5s", { min: "100ms", max: "60s" }),
  maxAnswer: z.int().min(1024).max(16 * 1024 * 1024).prefault(256 * 1024)
    .describe("Largest answer accepted from the login endpoint, in bytes."),
  recheck: z.strictObject({
    url: httpUrl("an http(s) URL", { path: true }),
    claims: z.record(claimName, jsonPointer).exactOptional()
      .describe("Fresh claims by JSON pointer; those of the sign-in are kept if absent."),
  }).exactOptional().describe(
    'Asked at each rotation with {"subject"}: 200 goes on, 401, 403, 404 or 410 ends the session.',
  ),
});

const demoIdentity = z.strictObject({ kind: z.literal("demo") })
  .describe('Dev mode only: the user "demo" with the password "postern".');

const sqliteStore = z.strictObject({
  kind: z.literal("sqlite"),
  path: z.string().min(1).prefault(".postern/postern.db"),
});

const upstashStore = z.strictObject({
  kind: z.literal("upstash"),
  commandTimeout: duration("1s", { min: "50ms", max: "30s" }),
}).describe("URL and token come from UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN.");

const memoryStore = z.strictObject({ kind: z.literal("memory") })
  .describe("Dev mode and tests only: everything is lost at the end of the process.");

const assertion = z.union([
  z.boolean(),
  z.strictObject({
    header: z.enum(["X-Auth-Assertion", "Authorization"]).prefault("X-Auth-Assertion"),
    audience: z.string().min(1).exactOptional().describe(
      "`aud` of the assertion; the upstream's name.",
    ),
    ttl: duration("60s", { min: "5s", max: "10m" }),
    alg: z.enum(["ES256", "EdDSA", "RS256"]).prefault("ES256"),
  }),
]);

const headerName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]*$/, {
  error: "must be a header name: letters, digits and -",
});

const upstream = z.strictObject({
  targets: z.array(httpUrl("an http(s) origin without a path", { path: false })).min(1),
  timeout: duration("30s", { min: "50ms", max: "1h" })
    .describe("How long to wait for the answer to begin."),
  assertion: assertion.prefault(false)
    .describe("Whether, and how, this upstream gets a signed identity assertion."),
  headers: z.record(headerName, claimName).prefault({})
    .describe('Extra identity headers: header name to claim, e.g. {"Remote-User": "sub"}.'),
  idleTimeout: duration("5m", { min: "50ms", max: "1d" })
    .describe("How long an answer may pause between two pieces before it is broken off."),
  maxConcurrent: z.int().min(1).max(1_000_000).prefault(10_000)
    .describe("Requests under way at one time; further ones get 503 upstream_busy."),
  host: z.enum(["target", "incoming"]).prefault("target")
    .describe("Whose name stands in Host: the target's, or the one the client asked for."),
  health: z.strictObject({
    path: z.string().regex(/^\/[\x21-\x22\x24-\x7E]*$/, {
      error: 'must be a path such as "/healthz"',
    }),
    interval: duration("10s", { min: "50ms", max: "1h" }),
    timeout: duration("2s", { min: "10ms", max: "60s" }),
    healthyAfter: z.int().min(1).max(100).prefault(1),
    unhealthyAfter: z.int().min(1).max(100).prefault(2),
  }).exactOptional().describe(
    "Asks each target by itself whether it works (2xx); only where the runtime can work without a request.",
  ),
  ejection: z.strictObject({
    failures: z.int().min(1).max(10_000).prefault(5)
      .describe("Failures in a row after which a target gets no requests."),
    for: duration("10s", { min: "10ms", max: "1h" })
      .describe("After this one request is let through as a trial."),
    statuses: z.array(z.union([z.literal(502), z.literal(503), z.literal(504)])).prefault([])
      .describe("Answers that count as a failure of the target too."),
  }).exactOptional().describe(
    "On by default where there are several targets; a single target is given a rest only when this is set.",
  ),
  tls: z.strictObject({
    ca: z.string().min(1).exactOptional().describe("PEM file of the certificate authorities."),
    cert: z.string().min(1).exactOptional().describe("PEM file of the client certificate."),
    key: z.string().min(1).exactOptional().describe("PEM file of its private key."),
  }).refine((tls) => (tls.cert === undefined) === (tls.key === undefined), {
    error: "cert and key belong together",
  }).exactOptional(),
});

const rulesFor = (direction: "request" | "response") => {
  const name = z.string().superRefine((text, context) => {
    const problem = headerRuleProblem(direction, text);
    if (problem !== null) context.addIssue({ code: "custom", message: `"${text}" ${problem}` });
  });
  const value = z.string().refine(isHeaderValue, { error: "must be visible ASCII" });
  return z.strictObject({
    set: z.record(name, value).prefault({}),
    remove: z.array(name).prefault([]),
  }).exactOptional();
};

const rewritePath = z.string().regex(/^(\/[A-Za-z0-9\-_~!$&'()+,=:@]+)+$/, {
  error: 'must be a path without a trailing slash, such as "/api"',
});

const exactOrigin = z.string().refine((text) => {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text &&
    !url.hostname.includes("*");
}, {
  error: 'must be one exact origin, such as "https://app.example.com"; patterns are not allowed',
});

const corsToken = z.string().regex(/^[!#$%&'+.^_`|~0-9A-Za-z-]+$/, {
  error: 'must be a name; "*" is not allowed',
});

const cors = z.strictObject({
  origins: z.array(exactOrigin).min(1),
  credentials: z.boolean().prefault(false)
    .describe("Whether cookies may ride along; also lets these origins pass the CSRF origin rule."),
  methods: z.array(corsToken).min(1)
    .prefault(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
  headers: z.array(corsToken).prefault(["Authorization", "Content-Type", "X-CSRF-Token"]),
  expose: z.array(corsToken).prefault([]),
  maxAge: duration("10m", { min: "0s", max: "1d" }),
});

const claimRequirement = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.array(z.union([z.string(), z.number(), z.boolean()])).min(1),
]);

const route = z.strictObject({
  path: z.string().superRefine((pattern, context) => {
    const problem = patternProblem(pattern);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  }).describe('"/exact", "/prefix/*", "/users/:id/*" or "/*". The first match wins.'),
  host: z.string().regex(/^(\*\.)?[A-Za-z0-9.-]+$/, {
    error: 'must be a host name such as "api.example.com" or "*.example.com"',
  }).exactOptional(),
  methods: z.array(z.string().regex(/^[A-Z]+$/, { error: "must be an upper-case method name" }))
    .min(1).exactOptional(),
  upstream: z.string(),
  auth: z.enum(["required", "none"]).prefault("required"),
  require: z.strictObject({
    scope: z.array(scopeToken).min(1).exactOptional(),
    claims: z.record(claimName, claimRequirement).exactOptional(),
  }).exactOptional(),
  revocation: z.enum(["view", "strict"]).prefault("view").describe(
    '"view": the local copy, at most maxStaleness old; "strict": ask the store on each request.',
  ),
  refresh: z.enum(["none", "transparent"]).prefault("none").describe(
    '"transparent": an expired access cookie beside a good refresh cookie is rotated in passing.',
  ),
  maxBody: size().exactOptional().describe("In place of limits.body."),
  rewrite: z.strictObject({
    stripPrefix: rewritePath.exactOptional(),
    addPrefix: rewritePath.exactOptional(),
  }).exactOptional().describe("The path that the upstream gets; what is matched is the client's."),
  requestHeaders: rulesFor("request"),
  responseHeaders: rulesFor("response"),
  cors: cors.exactOptional(),
}).superRefine(({ path, rewrite }, context) => {
  const prefix = rewrite?.stripPrefix;
  // Else some matched paths would not begin with what is to be cut off.
  if (prefix === undefined || path === prefix || path.startsWith(`${prefix}/`)) return;
  context.addIssue({
    code: "custom",
    path: ["rewrite", "stripPrefix"],
    message: `must be the beginning of the route's path "${path}"`,
  });
});

const legacy = z.strictObject({
  alg: z.enum(["HS256", "RS256", "ES256"]).prefault("HS256"),
  userIdClaim: claimName.prefault("user_id"),
  issuer: z.string().min(1).exactOptional(),
  audience: z.string().min(1).exactOptional(),
  claims: z.record(claimName, jsonPointer).prefault({})
    .describe("Claim name to JSON pointer into the old token."),
  verifyUrl: httpUrl("an http(s) URL", { path: true }).exactOptional().describe(
    "Django's /api/token/verify/, asked once for each old refresh token: its blacklist counts.",
  ),
}).describe(
  "Tokens that SimpleJWT signed before; they are good until they expire. Key: POSTERN_LEGACY_KEY.",
);

const pages = z.strictObject({
  name: z.string().min(1).max(60).exactOptional().describe("Of the app; the host if absent."),
  logo: z.string().regex(
    /^(\/(?!\/)[^\s\\;,]*|https:\/\/[^\s\\;,]+|data:image\/[\w.+-]+[;,]\S+)$/,
    {
      error: 'must be a path such as "/logo.svg", an https URL, or a data:image URL',
    },
  ).exactOptional(),
  color: z.string().regex(/^#[0-9a-fA-F]{6}$/, { error: 'must be a colour such as "#1f6f54"' })
    .prefault("#1f6f54"),
  language: z.string().regex(/^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$/, {
    error: 'must be a language tag such as "en" or "de-AT"',
  }).transform((tag) => tag.toLowerCase()).exactOptional()
    .describe("One language for everybody; else the browser's, where there are texts for it."),
  texts: z.record(
    z.string().regex(/^[a-z]{2,3}(-[a-z0-9]{2,8})*$/, {
      error: 'must be a language tag in lower case, such as "fr"',
    }),
    z.partialRecord(z.enum(TEXT_NAMES), z.string().max(300)),
  ).prefault({}).describe("Other words, or another language: texts by name."),
}).refine(({ language, texts }) => {
  return language === undefined || LANGUAGES.includes(language) || Object.hasOwn(texts, language);
}, {
  path: ["language"],
  error: `there are texts for ${LANGUAGES.join(", ")}; add others in pages.texts`,
}).prefault({}).describe("How the sign-in and account pages look and speak.");

/** `postern.json`, as it is written. */
export const configSchema = z.strictObject({
  $schema: z.string().exactOptional(),
  origin: httpUrl("the public origin", { path: false })
    .describe("What browsers have in the address bar; https, or http on localhost."),
  paths: z.strictObject({
    auth: ownPath.prefault("/auth"),
    token: ownPath.prefault("/api/token"),
  }).prefault({}),
  pages,
  trustedProxies: z.array(
    z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
      error: 'must be an address or CIDR block, such as "10.0.0.0/8"',
    }),
  ).prefault([]).describe("Proxies in front of Postern whose forwarding headers are believed."),
  identity: z.discriminatedUnion("kind", [upstreamIdentity, demoIdentity]),
  tokens: z.strictObject({
    issuer: z.string().min(1).exactOptional().describe("`iss`; the origin if absent."),
    audience: z.string().min(1).exactOptional().describe("`aud`; the origin if absent."),
    accessTtl: duration("30m", { min: "1s", max: "1d" }),
    refreshTtl: duration("30d", { min: "1s", max: "400d" }),
    sessionMaxAge: duration("90d", { min: "1s", max: "3650d" }),
    rotationGrace: duration("10s", { min: "0s", max: "5m" }),
    clockTolerance: duration("5s", { min: "0s", max: "5m" }),
    subjectClaim: claimName.exactOptional(),
    legacy: legacy.exactOptional(),
  }).prefault({}),
  compat: z.enum(["simplejwt", "5.2", "5.3", "5.4", "5.5"]).exactOptional().describe(
    'Words of that SimpleJWT version, also for 401s to API clients; "simplejwt" is the newest.',
  ),
  store: z.discriminatedUnion("kind", [sqliteStore, upstashStore, memoryStore])
    .prefault({ kind: "sqlite" }),
  revocation: z.strictObject({
    pollInterval: duration("2s", { min: "50ms", max: "5m" }),
    maxStaleness: duration("5s", { min: "100ms", max: "10m" }),
  }).prefault({}),
  log: z.strictObject({
    access: z.boolean().prefault(false)
      .describe("Also write a line for each request that is passed on."),
  }).prefault({}),
  longLived: z.strictObject({
    leeway: duration("30s", { min: "0s", max: "400d" }).describe(
      "How long a WebSocket or event stream may outlive the access token it was opened with.",
    ),
  }).prefault({}),
  throttle: z.strictObject({
    window: duration("15m", { min: "1s", max: "1d" }),
    perUser: z.int().min(1).prefault(10),
    perAddress: z.int().min(1).prefault(100),
  }).prefault({}).describe("Failed sign-ins allowed in one window."),
  limits: z.strictObject({
    body: size().prefault("1GiB"),
    url: size().prefault("16KiB"),
    headerBytes: size().prefault("64KiB"),
    headerCount: z.int().min(1).max(10_000).prefault(100),
  }).prefault({}).describe("What a proxied request may be at most."),
  upstreams: z.record(
    z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "must be letters, digits, _ or -" }),
    upstream,
  ),
  routes: z.array(route).min(1),
});

/** `postern.json` after defaults, durations still as written. */
export type ConfigFile = z.output<typeof configSchema>;
