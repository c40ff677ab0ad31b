/**
 * The shape of `postern.json`: one zod schema that is also the reference, and
 * the source of the JSON Schema that editors read (`deno task schema`).
 *
 * @module
 */
import * as z from "../../base/schema.ts";
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
const authorizationScheme = z.string().check(
  z.regex(/^(?!(?:basic|digest|negotiate|dpop)$)[A-Za-z][A-Za-z0-9-]{0,31}$/i, {
    error: 'must be the name of a scheme that carries nothing but our tokens, such as "JWT"',
  }),
);

const PUBLIC = { path: false, example: "https://app.example.com" };

/** Deno's server answers a longer list with a bare 400 (128 lines). */
const MAX_HEADERS = 120;

/** `postern.json`, as it is written. */
export const configSchema = z.strictObject({
  $schema: z.exactOptional(z.string()),
  origin: httpUrl("the public origin", PUBLIC).check(
    z.describe("What browsers have in the address bar; https, or http on localhost."),
  ),
  origins: z.prefault(z.array(httpUrl("a public origin", PUBLIC)), []).check(
    z.describe("Further public origins; each has cookies, and so sessions, of its own."),
  ),
  handover: z.prefault(z.boolean(), false).check(
    z.describe(
      "Whether people sign in at `origin` alone and are handed over to the other origins; signing out ends all.",
    ),
  ),
  paths: z.prefault(
    z.strictObject({
      auth: z.prefault(ownPath, "/auth"),
      token: z.prefault(ownPath, "/api/token"),
    }),
    {},
  ),
  cors: z.exactOptional(cors).check(
    z.describe(
      "Front ends on other origins that may use Postern's own paths: tokens, session, refresh.",
    ),
  ),
  pages,
  proxy: z.exactOptional(httpUrl("the URL of a proxy", { path: false })).check(
    z.describe(
      "Through which Postern asks login endpoints, providers and its store; upstreams and this machine never. Deno only. HTTP_PROXY has no say.",
    ),
  ),
  trustedProxies: z.prefault(
    z.array(
      z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
        error: 'must be an address or CIDR block, such as "10.0.0.0/8"',
      }),
    ),
    [],
  ).check(z.describe("Proxies in front of Postern whose forwarding headers are believed.")),
  identity: z.exactOptional(z.discriminatedUnion("kind", [upstreamIdentity, demoIdentity])).check(
    z.describe("Who says that a password is right; may be left out where there are providers."),
  ),
  introspection: z.prefault(
    z.strictObject({
      clients: z.record(
        z.string().check(z.regex(/^[\x21-\x39\x3B-\x7E]{1,128}$/, {
          error: "must be visible ASCII without :",
        })),
        z.strictObject({ secret: secretRef }),
      ),
    }),
    { clients: {} },
  ).check(z.describe("Who may ask POST /auth/introspect; nobody if absent.")),
  providers,
  issuers,
  clients,
  verify,
  dpop,
  deviceBinding,
  tokens: z.prefault(
    z.strictObject({
      issuer: z.exactOptional(z.string().check(z.minLength(1))).check(
        z.describe("`iss`; the origin if absent."),
      ),
      audience: z.exactOptional(z.string().check(z.minLength(1))).check(
        z.describe("`aud`; the origin if absent."),
      ),
      accessTtl: duration("30m", { min: "1s", max: "1d" }),
      refreshTtl: duration("30d", { min: "1s", max: "400d" }),
      sessionMaxAge: duration("90d", { min: "1s", max: "3650d" }),
      maxSessions: z._default(z.int().check(z.minimum(1), z.maximum(100_000)), 100).check(
        z.describe("Sessions that one subject may have; the oldest beyond it end."),
      ),
      rotationGrace: duration("10s", { min: "0s", max: "5m" }),
      clockTolerance: duration("5s", { min: "0s", max: "5m" }),
      subjectClaim: z.exactOptional(claimName),
      headerTypes: z.prefault(z.array(authorizationScheme), []).check(
        z.describe(
          'Schemes of Authorization beside Bearer, such as "JWT": SimpleJWT\'s AUTH_HEADER_TYPES.',
        ),
      ),
      legacy: z.exactOptional(legacy),
    }),
    {},
  ),
  compat: z.exactOptional(z.enum(["simplejwt", "5.2", "5.3", "5.4", "5.5"])).check(
    z.describe(
      'Words of that SimpleJWT version, also for 401s to API clients; "simplejwt" is the newest.',
    ),
  ),
  store: z.prefault(
    z.discriminatedUnion("kind", [sqliteStore, upstashStore, redisStore, memoryStore]),
    { kind: "sqlite" },
  ),
  workers: z.prefault(z.union([z.int().check(z.minimum(1), z.maximum(256)), z.literal("auto")]), 1)
    .check(z.describe('Threads that serve the port; "auto": one for each core.')),
  revocation: z.prefault(
    z.strictObject({
      pollInterval: duration("2s", { min: "50ms", max: "5m" }),
      maxStaleness: duration("5s", { min: "100ms", max: "10m" }),
    }),
    {},
  ),
  log,
  longLived: z.prefault(
    z.strictObject({
      leeway: duration("30s", { min: "0s", max: "400d" }).check(
        z.describe(
          "How long a WebSocket or event stream may outlive the access token it was opened with.",
        ),
      ),
    }),
    {},
  ),
  throttle: z.prefault(
    z.strictObject({
      window: duration("15m", { min: "1s", max: "1d" }),
      perUser: z.prefault(z.int().check(z.minimum(1)), 10).check(
        z.describe(
          "By one address for one name. All addresses together: slow after twice as many, shut after ten times, but for browsers that its owner has signed in with.",
        ),
      ),
      perAddress: z.prefault(z.int().check(z.minimum(1)), 100).check(
        z.describe("By one address for all names."),
      ),
    }),
    {},
  ).check(z.describe("Failed sign-ins allowed in one window.")),
  limits: z.prefault(
    z.strictObject({
      body: z.prefault(size(), "1GiB"),
      url: z.prefault(size(), "16KiB"),
      headerBytes: z.prefault(size(), "44KiB"),
      headerCount: z.prefault(
        z.int().check(
          z.minimum(1),
          z.maximum(MAX_HEADERS, {
            error: `must be at most ${MAX_HEADERS}: the runtime itself takes no more`,
          }),
        ),
        100,
      ),
    }),
    {},
  ).check(z.describe("What a proxied request may be at most.")),
  admin,
  stop,
  upstreams: z.record(
    z.string().check(
      z.regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "must be letters, digits, _ or -" }),
    ),
    upstream,
  ),
  routes: z.array(route).check(z.minLength(1)),
});

/** `postern.json` after defaults, durations still as written. */
export type ConfigFile = z.output<typeof configSchema>;
