/**
 * The modules of the official relying-party plans (openid-certification/conformance-suite),
 * re-created against a provider of our own that lies: each by name, to be accepted or refused
 * as the plan says.
 */
import assert from "node:assert/strict";
import { base64url } from "jose";
import { createBrowserless } from "../../support/browserless.ts";
import { evilKey, signWith } from "../../support/evil_provider.ts";
import type { EvilProvider, Spoiling } from "../../support/evil_provider.ts";
import type { TestGateway } from "../../support/gateway.ts";
import { SECRET } from "./support.ts";

/** One module: what the provider does, and what a relying party must make of it. */
export interface Module {
  readonly plan: string;
  readonly name: string;
  readonly expected: "accept" | "refuse";
  readonly spoiling?: Spoiling | (() => Promise<Spoiling>);
  /** Changes the settings of the provider. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** In place of one sign-in. */
  readonly run?: (house: House) => Promise<"accept" | "refuse">;
}

/** A gateway in front of a provider that lies. */
export interface House {
  readonly evil: EvilProvider;
  readonly gateway: TestGateway;
}

const BASIC = "oidcc-client-basic-certification-test-plan";
const CONFIG = "oidcc-client-config-certification-test-plan";
const FORM = "oidcc-client-formpost-basic-certification-test-plan";
const WHOLE = "oidcc-client-test-plan";
const FAPI = "fapi (oauth4webapi conformance)";
const OURS = "beyond the plans";

const without = (name: string) => (claims: Record<string, unknown>) => {
  const { [name]: _, ...rest } = claims;
  return rest;
};
const withClaims = (changed: Record<string, unknown>): Spoiling => ({
  claims: (claims) => ({ ...claims, ...changed }),
});
const seconds = () => Math.floor(Date.now() / 1000);

/** All of them. */
export const modules: readonly Module[] = [
  { plan: BASIC, name: "oidcc-client-test", expected: "accept" },
  {
    plan: BASIC,
    name: "oidcc-client-test-invalid-iss",
    expected: "refuse",
    spoiling: withClaims({ iss: "https://evil.test" }),
  },
  {
    plan: BASIC,
    name: "oidcc-client-test-missing-sub",
    expected: "refuse",
    spoiling: { claims: without("sub") },
  },
  {
    plan: BASIC,
    name: "oidcc-client-test-invalid-aud",
    expected: "refuse",
    spoiling: withClaims({ aud: "somebody else" }),
  },
  {
    plan: BASIC,
    name: "oidcc-client-test-missing-iat",
    expected: "refuse",
    spoiling: { claims: without("iat") },
  },
  {
    plan: BASIC,
    name: "oidcc-client-test-kid-absent-single-jwks",
    expected: "accept",
    spoiling: { header: (header) => ({ ...header, kid: undefined }) },
  },
  {
    plan: BASIC,
    name: "oidcc-client-test-kid-absent-multiple-jwks",
    // The plan allows both: trying each key, or refusing.
    expected: "refuse",
    spoiling: async () => {
      const other = await evilKey("two");
      return {
        header: (header) => ({ ...header, kid: undefined }),
        jwks: (keys) => [...keys, other.jwk],
      };
    },
  },
  { plan: BASIC, name: "oidcc-client-test-idtoken-sig-rs256", expected: "accept" },
  {
    plan: BASIC,
    name: "oidcc-client-test-idtoken-sig-none",
    expected: "refuse",
    spoiling: { idToken: (claims) => unsigned(claims) },
  },
  {
    plan: BASIC,
    name: "oidcc-client-test-invalid-sig-rs256",
    expected: "refuse",
    spoiling: {
      idToken: async (claims, header) => signWith(await evilKey("thief"), claims, header),
    },
  },
  {
    plan: BASIC,
    name: "oidcc-client-test-userinfo-invalid-sub",
    expected: "refuse",
    settings: { claims: { email: "/email" } },
    spoiling: { userInfo: (claims) => ({ ...claims, sub: "eve" }) },
  },
  {
    plan: BASIC,
    name: "oidcc-client-test-nonce-invalid",
    expected: "refuse",
    spoiling: withClaims({ nonce: "of another flow" }),
  },
  {
    plan: BASIC,
    name: "oidcc-client-test-scope-userinfo-claims",
    expected: "accept",
    settings: { allow: { domains: ["example.com"] } },
  },
  {
    plan: BASIC,
    name: "oidcc-client-test-client-secret-basic",
    expected: "accept",
    run: async (house) => {
      const verdict = await signIn(house);
      const { authorization } = house.evil.asked.find(({ path }) => path === "/token") ?? {};
      assert.match(authorization ?? "", /^Basic /);
      return verdict;
    },
  },
  { plan: CONFIG, name: "oidcc-client-test-discovery-openid-config", expected: "accept" },
  { plan: CONFIG, name: "oidcc-client-test-discovery-jwks-uri-keys", expected: "accept" },
  {
    plan: CONFIG,
    name: "oidcc-client-test-discovery-issuer-mismatch",
    expected: "refuse",
    spoiling: { discovery: (document) => ({ ...document, issuer: "https://evil.test" }) },
  },
  {
    plan: CONFIG,
    name: "oidcc-client-test-signing-key-rotation-just-before-signing",
    expected: "accept",
    run: async (house) => {
      await house.evil.rotate();
      return await signIn(house);
    },
  },
  {
    plan: CONFIG,
    name: "oidcc-client-test-signing-key-rotation",
    expected: "accept",
    run: async (house) => {
      assert.equal(await signIn(house), "accept");
      await house.evil.rotate();
      house.gateway.clock.advance(31_000);
      return await signIn(house);
    },
  },
  {
    plan: FORM,
    name: "oidcc-client-test (form_post)",
    expected: "accept",
    settings: { responseMode: "form_post" },
    spoiling: { formPost: true },
    run: signInByForm,
  },
  {
    plan: FORM,
    name: "oidcc-client-test-form-post-error",
    expected: "refuse",
    settings: { responseMode: "form_post" },
    spoiling: {
      formPost: true,
      authorization: ({ state = "", iss = "" }) => ({ error: "access_denied", state, iss }),
    },
    run: signInByForm,
  },
  {
    plan: "oidcc-client-test-3rd-party-init-login-test-plan",
    name: "oidcc-client-test-3rd-party-init-login",
    expected: "accept",
    run: ({ evil, gateway }) =>
      verdictOf(gateway, `/auth/oidc/login?${new URLSearchParams({ iss: evil.issuer })}`),
  },
  {
    plan: WHOLE,
    name: "oidcc-client-test-missing-aud",
    expected: "refuse",
    spoiling: { claims: without("aud") },
  },
  {
    plan: WHOLE,
    name: "oidcc-client-test-invalid-sig-hs256",
    expected: "refuse",
    spoiling: { idToken: (claims) => signedBySecret(claims, SECRET) },
  },
  {
    plan: WHOLE,
    name: "oidcc-client-test-invalid-sig-es256",
    expected: "refuse",
    spoiling: async () => {
      const [key, thief] = [await evilKey("ec", "ES256"), await evilKey("ec thief", "ES256")];
      return {
        jwks: () => [key.jwk],
        idToken: (claims) => signWith(thief, claims, { kid: "ec" }),
      };
    },
  },
  {
    plan: WHOLE,
    name: "oidcc-client-test-idtoken-sig-es256",
    expected: "accept",
    spoiling: async () => {
      const key = await evilKey("ec", "ES256");
      return { jwks: () => [key.jwk], idToken: (claims) => signWith(key, claims) };
    },
  },
  {
    plan: WHOLE,
    name: "oidcc-client-test-userinfo-signed",
    expected: "accept",
    settings: { claims: { email: "/email" } },
    spoiling: async () => {
      const key = await evilKey("one");
      return {
        userInfo: async (claims) =>
          new Response(await signWith(key, claims), {
            headers: { "content-type": "application/jwt" },
          }),
      };
    },
  },
  {
    plan: WHOLE,
    name: "oidcc-client-test-userinfo-signed (by somebody else)",
    expected: "refuse",
    settings: { claims: { email: "/email" } },
    spoiling: async () => {
      const thief = await evilKey("thief");
      return {
        userInfo: async (claims) =>
          new Response(await signWith(thief, claims, { kid: "one" }), {
            headers: { "content-type": "application/jwt" },
          }),
      };
    },
  },
  {
    plan: WHOLE,
    name: "oidcc-client-test-aggregated-claims",
    expected: "accept",
    spoiling: withClaims({
      _claim_names: { address: "a" },
      _claim_sources: { a: { JWT: "x.y.z" } },
    }),
  },
  {
    plan: WHOLE,
    name: "oidcc-client-test-distributed-claims (groups that decide)",
    expected: "refuse",
    settings: { allow: { groups: ["eng"] } },
    spoiling: withClaims({
      _claim_names: { groups: "a" },
      _claim_sources: { a: { endpoint: "https://evil.test/groups" } },
    }),
  },
  {
    plan: WHOLE,
    name: "oidcc-client-test-mtls-endpoint-aliases",
    expected: "accept",
    spoiling: {
      discovery: (document) => ({
        ...document,
        mtls_endpoint_aliases: { token_endpoint: "http://localhost:9/token" },
      }),
    },
  },
  {
    plan: FAPI,
    name: "invalid-authorization-response-iss",
    expected: "refuse",
    spoiling: { authorization: (answer) => ({ ...answer, iss: "https://evil.test" }) },
  },
  {
    plan: FAPI,
    name: "remove-authorization-response-iss",
    expected: "refuse",
    spoiling: { authorization: ({ code = "", state = "" }) => ({ code, state }) },
  },
  {
    plan: FAPI,
    name: "ensure-authorization-response-with-invalid-state-fails",
    expected: "refuse",
    spoiling: { authorization: (answer) => ({ ...answer, state: `${answer.state}x` }) },
  },
  {
    plan: FAPI,
    name: "ensure-authorization-response-with-invalid-missing-state-fails",
    expected: "refuse",
    spoiling: { authorization: ({ code = "", iss = "" }) => ({ code, iss }) },
  },
  {
    plan: FAPI,
    name: "invalid-missing-exp",
    expected: "refuse",
    spoiling: { claims: without("exp") },
  },
  {
    plan: FAPI,
    name: "invalid-expired-exp",
    expected: "refuse",
    spoiling: { claims: (claims) => ({ ...claims, exp: seconds() - 300 }) },
  },
  {
    plan: FAPI,
    name: "iat-is-week-in-past",
    expected: "refuse",
    spoiling: { claims: (claims) => ({ ...claims, iat: seconds() - 7 * 86_400 }) },
  },
  {
    plan: FAPI,
    name: "invalid-secondary-aud",
    expected: "refuse",
    spoiling: { claims: (claims) => ({ ...claims, aud: [claims["aud"], "somebody else"] }) },
  },
  {
    plan: FAPI,
    name: "token-type-case-insensitivity",
    expected: "accept",
    spoiling: { token: (body) => ({ ...body, token_type: "bEaReR" }) },
  },
  {
    plan: FAPI,
    name: "token-endpoint-response-without-expires_in",
    expected: "accept",
    spoiling: { token: without("expires_in") },
  },
  {
    plan: FAPI,
    name: "no-scope-in-token-endpoint-response",
    expected: "accept",
    spoiling: { token: without("scope") },
  },
  {
    plan: OURS,
    name: "an at_hash of another access token",
    expected: "refuse",
    spoiling: withClaims({ at_hash: "AAAAAAAAAAAAAAAAAAAAAA" }),
  },
  {
    plan: OURS,
    name: "no id_token at all",
    expected: "refuse",
    spoiling: { token: without("id_token") },
  },
  {
    plan: OURS,
    name: "a key in the token's own header",
    expected: "refuse",
    spoiling: {
      idToken: async (claims) => {
        const thief = await evilKey("thief");
        return signWith(thief, claims, { jwk: thief.jwk, kid: "one" });
      },
    },
  },
  {
    plan: OURS,
    name: "a token endpoint that answers with 300 MB",
    expected: "refuse",
    spoiling: {
      token: () =>
        new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
          }),
          { headers: { "content-type": "application/json" } },
        ),
    },
  },
  {
    plan: OURS,
    name: "a token endpoint that redirects",
    expected: "refuse",
    spoiling: {
      token: () =>
        new Response(null, { status: 307, headers: { location: "http://localhost:9/" } }),
    },
  },
  {
    plan: OURS,
    name: "a token endpoint that never answers",
    expected: "refuse",
    settings: { timeout: "200ms" },
    spoiling: {
      token: () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })),
    },
  },
  {
    plan: OURS,
    name: "a key set of 10 000 keys",
    expected: "refuse",
    spoiling: {
      jwks: (keys) => Array.from({ length: 10_000 }, (_, i) => ({ ...keys[0], kid: `${i}` })),
    },
  },
  {
    plan: OURS,
    name: "a discovery document that names endpoints of javascript:",
    expected: "refuse",
    spoiling: {
      discovery: (document) => ({ ...document, authorization_endpoint: "javascript:alert(1)" }),
    },
  },
  {
    plan: OURS,
    name: "a code of another flow of the same browser",
    expected: "refuse",
    run: async ({ gateway, evil }) => {
      const browser = createBrowserless();
      const isBack = (url: string) => url.includes("/callback?");
      const first = await browser.go(`${gateway.url}/a`, isBack);
      const second = await browser.go(`${gateway.url}/b`, isBack);
      const mixed = new URL(second.url);
      mixed.searchParams.set("code", new URL(first.url).searchParams.get("code") ?? "");
      const page = await browser.go(mixed.href);
      assert.ok(evil.asked.some(({ path }) => path === "/token"));
      return isSignedIn(page.status, page.text);
    },
  },
];

function isSignedIn(status: number, text: string): "accept" | "refuse" {
  if (status !== 200 || text.includes("<!doctype html>")) {
    // Never a dead end: a page with a way to begin again.
    assert.ok(text.includes("/auth/oidc/work/start"), text.slice(0, 300));
    return "refuse";
  }
  assert.equal(JSON.parse(text).headers["x-auth-subject"], "ada");
  return "accept";
}

async function verdictOf(gateway: TestGateway, path: string): Promise<"accept" | "refuse"> {
  const page = await createBrowserless().go(`${gateway.url}${path}`);
  return isSignedIn(page.status, page.text);
}

/** One sign-in, and what became of it. */
export function signIn({ gateway }: House): Promise<"accept" | "refuse"> {
  return verdictOf(gateway, "/hello");
}

async function signInByForm({ gateway }: House): Promise<"accept" | "refuse"> {
  const browser = createBrowserless();
  const form = await browser.go(`${gateway.url}/hello`);
  const fields = new URLSearchParams();
  for (const [, name = "", value = ""] of form.text.matchAll(/name="(\w+)" value="([^"]*)"/g)) {
    fields.set(name, value);
  }
  const page = await browser.go(`${gateway.url}/auth/oidc/work/callback`, undefined, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: fields.toString(),
  });
  return isSignedIn(page.status, page.text);
}

function unsigned(claims: Record<string, unknown>): string {
  return `${base64url.encode(JSON.stringify({ alg: "none" }))}.${
    base64url.encode(JSON.stringify(claims))
  }.`;
}

async function signedBySecret(claims: Record<string, unknown>, secret: string): Promise<string> {
  const input = `${base64url.encode(JSON.stringify({ alg: "HS256", kid: "one" }))}.${
    base64url.encode(JSON.stringify(claims))
  }`;
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(input));
  return `${input}.${base64url.encode(new Uint8Array(mac))}`;
}
