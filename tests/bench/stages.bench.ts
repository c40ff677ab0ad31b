/**
 * Each stage of the hot path by itself (`deno task bench:stages`), so that a
 * regression has a name.
 *
 * @module
 */
import { createReadCredential } from "../../src/access/credential.ts";
import { systemClock } from "../../src/base/clock.ts";
import { createTokenSchemes } from "../../src/http/authorization.ts";
import { createCookieJar } from "../../src/browser/cookies.ts";
import { createCsrf } from "../../src/browser/csrf.ts";
import { readHeaders } from "../../src/http/headers.ts";
import { traceOf } from "../../src/http/trace.ts";
import { readRequestLine } from "../../src/policy/request_line.ts";
import type { RequestLine } from "../../src/policy/request_line.ts";
import { compileRoutes } from "../../src/policy/routes.ts";
import { tethered } from "../../src/proxy/tethered.ts";
import { createFinish } from "../../src/proxy/answer.ts";
import { forwardingHeaders } from "../../src/proxy/forwarding.ts";
import { createRequestHeaderFilter } from "../../src/proxy/request_filter.ts";
import type { PreparedRoute } from "../../src/proxy/route.ts";
import { createWayBack } from "../../src/proxy/way_back.ts";
import { createRevocationView } from "../../src/sessions/revocation_view.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import type { VerifiedToken } from "../../src/tokens/claims.ts";
import { importKeyRing } from "../../src/tokens/key_ring.ts";
import { createTokenScanner } from "../../src/tokens/scan.ts";
import { createTokenVerifier } from "../../src/tokens/verify.ts";
import { keySet, mintTokens, ORIGIN } from "./tokens.ts";
import type { Algorithm } from "./tokens.ts";

const rules = {
  issuer: ORIGIN,
  audience: ORIGIN,
  clockToleranceSeconds: 5,
  accessTtlSeconds: 86_400,
};
const keys = await keySet("ES256");
const ring = await importKeyRing(keys);
const [access = ""] = await mintTokens(keys, 1);
const verifier = createTokenVerifier({ keys: ring, rules, clock: systemClock });
const verified = await verifier.verify(access, "access") as VerifiedToken;
const headers = new Headers({
  accept: "*/*",
  "accept-encoding": "gzip, br",
  "accept-language": "en",
  authorization: `Bearer ${access}`,
  host: "localhost:9999",
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64)",
});
const read = readHeaders(headers);
const jar = createCookieJar({ secure: false });
const readCredential = createReadCredential({ jar, schemes: createTokenSchemes([]) });
const table = compileRoutes([
  { path: "/auth/*", policyKey: "postern", value: 0 },
  { path: "/static/*", policyKey: "open", value: 1 },
  { path: "/api/users/:id/orders", policyKey: "a", value: 2 },
  { path: "/*", policyKey: "b", value: 3 },
]);
const staysBehind = createRequestHeaderFilter({
  identityHeaders: ["x-auth-email"],
  passHeaders: [],
});
const view = createRevocationView({
  store: createMemoryStore({}),
  clock: systemClock,
  pollIntervalMs: 60_000,
  maxStalenessMs: 120_000,
});
await view.ensureFresh(() => {});
const trace = traceOf(read, false);
const client = {
  address: "127.0.0.1",
  peerAddress: "127.0.0.1",
  hops: ["127.0.0.1"],
  viaTrustedProxy: false,
};
const guard = createTokenScanner({ issuer: ORIGIN, legacy: null });
const csrf = createCsrf(ring.hmacKeys);
const csrfToken = await csrf.issue(verified.sid);

const url = "http://localhost:9999/api/users/42/orders?page=2&sort=name";
Deno.bench("read the headers", () => void readHeaders(headers));
const rawLine = { method: "GET", url, hostHeader: "localhost:9999", scheme: "http" } as const;
const line = readRequestLine(rawLine) as RequestLine;
const odd = readRequestLine({
  ...rawLine,
  url: `${url.slice(0, 21)}/A/caf%C3%A9.js`,
}) as RequestLine;
Deno.bench("read the request line", () => void readRequestLine(rawLine));
Deno.bench("read a request line with other readings", () => {
  readRequestLine({ ...rawLine, url: "http://localhost:9999/A/caf%C3%A9.js" });
});
Deno.bench("match a route", () => {
  table.match(line);
});
Deno.bench("match a route with other readings", () => {
  table.match(odd);
});
Deno.bench("read the credential", () => void readCredential(read));
Deno.bench("verify a token seen before", () => void verifier.verify(access, "access"));
Deno.bench("ask the revocation view", () => {
  view.ensureFresh(() => {});
  view.isRevoked(verified);
});
Deno.bench("make request id and traceparent", () => void traceOf(read, false));
Deno.bench("filter the headers", () => {
  for (const [name] of read) staysBehind(name);
});
Deno.bench("make the forwarding headers", () => {
  forwardingHeaders({ headers: read, authority: "localhost", around: { client, trace } }, "http");
});
const finish = createFinish({
  tether: tethered,
  attachLifeline: () => () => {},
  withOwnHeaders: (response) => response,
  offers: null,
});
const route = {
  responseHeaders: null,
  cors: null,
  isShared: false,
  upstream: { via: false },
  wayBack: createWayBack({ targets: [] }),
} as unknown as PreparedRoute;
const caller = { token: verified, setCookies: [], nonce: null };
const answered = [["content-type", "application/json"], ["content-length", "2"]] as const;
const body = new TextEncoder().encode("{}");
Deno.bench("pass an answer on", () => {
  const inbound = { headers: read, around: {} as never };
  finish.answer(inbound, route, caller, { status: 200, headers: answered, body });
});
Deno.bench("look for our tokens in a query", () => void guard.holdsOurs("?page=2&sort=name"));
const cookies = "theme=dark; _ga=GA1.1.1234567890.1700000000; ".repeat(8);
Deno.bench("look for our tokens in 376 bytes of cookies", () => void guard.holdsOurs(cookies));
Deno.bench("check a CSRF token", async () => {
  await csrf.check(verified.sid, csrfToken, csrfToken);
});

for (const algorithm of ["HS256", "ES256", "EdDSA", "RS256"] satisfies Algorithm[]) {
  const set = await keySet(algorithm);
  const [token = ""] = await mintTokens(set, 1);
  const cold = createTokenVerifier({ keys: await importKeyRing(set), rules, clock: systemClock });
  Deno.bench(`verify a new token, ${algorithm}`, { group: "cold" }, async () => {
    await cold.identify(token, "access");
  });
}
