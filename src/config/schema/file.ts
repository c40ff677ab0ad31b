/**
 * The shape of `postern.json`: one zod schema that is also the reference, and
 * the source of the JSON Schema that editors read (`deno task schema`).
 *
 * @module
 */
import * as z from "zod";
import { cors } from "./cors.ts";
import { admin, stop } from "./admin.ts";
import { clients } from "./clients.ts";
import { demoIdentity, upstreamIdentity } from "./identity.ts";
import { issuers } from "./issuers.ts";
import { log } from "./log.ts";
import { pages } from "./pages.ts";
import { providers, secretRef } from "./providers.ts";
import { route } from "./route.ts";
import { memoryStore, redisStore, sqliteStore, upstashStore } from "./store.ts";
import { legacy } from "./tokens.ts";
import { upstream } from "./upstream.ts";
import { deviceBinding, dpop } from "./binding.ts";
import { verify } from "./verify.ts";
import { claimName, duration, httpUrl, ownPath, size } from "./values.ts";

/** Another scheme than those that carry something else. */
const authorizationScheme = z.string().regex(
  /^(?!(?:basic|digest|negotiate|dpop)$)[A-Za-z][A-Za-z0-9-]{0,31}$/i,
  { error: 'must be the name of a scheme that carries nothing but our tokens, such as "JWT"' },
);

const PUBLIC = { path: false, example: "https://app.example.com" };

/** Deno's server answers a longer list with a bare 400 (128 lines). */
const MAX_HEADERS = 120;

/** `postern.json`, as it is written. */
export const configSchema = z.strictObject({
  $schema: z.string().exactOptional(),
  origin: httpUrl("the public origin", PUBLIC)
    .describe("What browsers have in the address bar; https, or http on localhost."),
  origins: z.array(httpUrl("a public origin", PUBLIC)).prefault([])
    .describe("Further public origins; each has cookies, and so sessions, of its own."),
  handover: z.boolean().prefault(false).describe(
    "Whether people sign in at `origin` alone and are handed over to the other origins; signing out ends all.",
  ),
  paths: z.strictObject({
    auth: ownPath.prefault("/auth"),
    token: ownPath.prefault("/api/token"),
  }).prefault({}),
  cors: cors.exactOptional().describe(
    "Front ends on other origins that may use Postern's own paths: tokens, session, refresh.",
  ),
  pages,
  proxy: httpUrl("the URL of a proxy", { path: false }).exactOptional().describe(
    "Through which Postern asks login endpoints, providers and its store; upstreams and this machine never. Deno only. HTTP_PROXY has no say.",
  ),
  trustedProxies: z.array(
    z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
      error: 'must be an address or CIDR block, such as "10.0.0.0/8"',
    }),
  ).prefault([]).describe("Proxies in front of Postern whose forwarding headers are believed."),
  identity: z.discriminatedUnion("kind", [upstreamIdentity, demoIdentity]).exactOptional()
    .describe("Who says that a password is right; may be left out where there are providers."),
  introspection: z.strictObject({
    clients: z.record(
      z.string().regex(/^[\x21-\x39\x3B-\x7E]{1,128}$/, {
        error: "must be visible ASCII without :",
      }),
      z.strictObject({ secret: secretRef }),
    ),
  }).prefault({ clients: {} }).describe("Who may ask POST /auth/introspect; nobody if absent."),
  providers,
  issuers,
  clients,
  verify,
  dpop,
  deviceBinding,
  tokens: z.strictObject({
    issuer: z.string().min(1).exactOptional().describe("`iss`; the origin if absent."),
    audience: z.string().min(1).exactOptional().describe("`aud`; the origin if absent."),
    accessTtl: duration("30m", { min: "1s", max: "1d" }),
    refreshTtl: duration("30d", { min: "1s", max: "400d" }),
    sessionMaxAge: duration("90d", { min: "1s", max: "3650d" }),
    maxSessions: z.int().min(1).max(100_000).default(100)
      .describe("Sessions that one subject may have; the oldest beyond it end."),
    rotationGrace: duration("10s", { min: "0s", max: "5m" }),
    clockTolerance: duration("5s", { min: "0s", max: "5m" }),
    subjectClaim: claimName.exactOptional(),
    headerTypes: z.array(authorizationScheme).prefault([]).describe(
      'Schemes of Authorization beside Bearer, such as "JWT": SimpleJWT\'s AUTH_HEADER_TYPES.',
    ),
    legacy: legacy.exactOptional(),
  }).prefault({}),
  compat: z.enum(["simplejwt", "5.2", "5.3", "5.4", "5.5"]).exactOptional().describe(
    'Words of that SimpleJWT version, also for 401s to API clients; "simplejwt" is the newest.',
  ),
  store: z.discriminatedUnion("kind", [sqliteStore, upstashStore, redisStore, memoryStore])
    .prefault({ kind: "sqlite" }),
  workers: z.union([z.int().min(1).max(256), z.literal("auto")]).prefault(1)
    .describe('Threads that serve the port; "auto": one for each core.'),
  revocation: z.strictObject({
    pollInterval: duration("2s", { min: "50ms", max: "5m" }),
    maxStaleness: duration("5s", { min: "100ms", max: "10m" }),
  }).prefault({}),
  log,
  longLived: z.strictObject({
    leeway: duration("30s", { min: "0s", max: "400d" }).describe(
      "How long a WebSocket or event stream may outlive the access token it was opened with.",
    ),
  }).prefault({}),
  throttle: z.strictObject({
    window: duration("15m", { min: "1s", max: "1d" }),
    perUser: z.int().min(1).prefault(10).describe(
      "By one address for one name. All addresses together: slow after twice as many, shut after ten times, but for browsers that its owner has signed in with.",
    ),
    perAddress: z.int().min(1).prefault(100).describe("By one address for all names."),
  }).prefault({}).describe("Failed sign-ins allowed in one window."),
  limits: z.strictObject({
    body: size().prefault("1GiB"),
    url: size().prefault("16KiB"),
    headerBytes: size().prefault("44KiB"),
    headerCount: z.int().min(1).max(MAX_HEADERS, {
      error: `must be at most ${MAX_HEADERS}: the runtime itself takes no more`,
    }).prefault(100),
  }).prefault({}).describe("What a proxied request may be at most."),
  admin,
  stop,
  upstreams: z.record(
    z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "must be letters, digits, _ or -" }),
    upstream,
  ),
  routes: z.array(route).min(1),
});

/** `postern.json` after defaults, durations still as written. */
export type ConfigFile = z.output<typeof configSchema>;
