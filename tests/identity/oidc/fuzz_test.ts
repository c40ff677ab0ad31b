/**
 * Whatever a provider answers, at whichever endpoint, is an outcome and no exception.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { createOidcProvider } from "../../../src/identity/oidc/provider.ts";
import { testKeys } from "../../support/gateway.ts";
import { createTestClock } from "../../support/clock.ts";
import { context, options, question } from "./support.ts";

const ISSUER = "https://id.example.com";
const DISCOVERY = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
  userinfo_endpoint: `${ISSUER}/userinfo`,
  pushed_authorization_request_endpoint: `${ISSUER}/par`,
  end_session_endpoint: `${ISSUER}/end`,
  jwks_uri: `${ISSUER}/jwks`,
};

const json = fc.jsonValue({ maxDepth: 3 });
const answer = fc.record({
  status: fc.constantFrom(200, 201, 204, 301, 307, 400, 401, 403, 404, 429, 500, 503),
  type: fc.constantFrom("application/json", "text/html", "application/jwt", "", 'a/b;c="d'),
  body: fc.oneof(
    json.map((value) => JSON.stringify(value)),
    fc.string(),
    fc.record({
      access_token: fc.oneof(fc.string(), json),
      token_type: fc.constantFrom("Bearer", "bearer", "DPoP", "", 7),
      id_token: fc.oneof(fc.string(), fc.constant("e30.e30.e30"), json),
      refresh_token: fc.oneof(fc.string(), json),
      request_uri: fc.oneof(fc.string(), json),
      expires_in: fc.oneof(fc.integer(), fc.string()),
      error: fc.oneof(fc.string(), json),
      sub: fc.oneof(fc.constant("ada"), json),
      keys: fc.oneof(fc.array(json), json),
    }, { requiredKeys: [] }).map((value) => JSON.stringify(value)),
  ),
});
const document = fc.oneof(
  { weight: 3, arbitrary: fc.constant(DISCOVERY) },
  { weight: 1, arbitrary: fc.record({ ...anyDocument() }, { requiredKeys: [] }) },
);

function anyDocument() {
  return Object.fromEntries(
    Object.entries(DISCOVERY).map(([name, value]) => [name, fc.oneof(fc.constant(value), json)]),
  );
}

const KINDS = [
  "redirect",
  "proven",
  "denied",
  "welcome",
  "notice",
  "unavailable",
  "refused",
  "untrusted",
];

Deno.test("no answer of a provider is an exception, and none of random ones is a proof", async () => {
  const { ring } = await testKeys();
  const property = fc.asyncProperty(
    document,
    answer,
    fc.dictionary(fc.constantFrom("code", "state", "iss", "error", "id_token"), fc.string()),
    fc.boolean(),
    async (discovery, given, parameters, keepsState) => {
      const fetch = (input: RequestInfo | URL) => {
        const path = new URL(String(input)).pathname;
        if (path === "/.well-known/openid-configuration") {
          return Promise.resolve(Response.json(discovery));
        }
        const { status, type, body } = given;
        return Promise.resolve(
          new Response(status === 204 ? null : body, {
            status,
            headers: { "content-type": type },
          }),
        );
      };
      const ours = createOidcProvider(
        { ...options, issuer: ISSUER, wanted: ["/email"] },
        { fetch: fetch as typeof globalThis.fetch, keys: ring, clock: createTestClock() },
      );
      const asked = question();
      const callback = new URLSearchParams({
        ...parameters,
        ...(keepsState ? { state: asked.state, code: "c", iss: ISSUER } : {}),
      });
      const outcomes = [
        await ours.authorize(asked, context),
        await ours.exchange({ ...asked, callback }, context),
        await ours.refresh("r", "ada", context),
        await ours.readLogoutToken(given.body, context),
      ];
      await ours.endSessionUrl({ idToken: null, redirectUri: "x:", state: "s" }, context);
      for (const { kind } of outcomes) assert.ok(KINDS.includes(kind), kind);
      assert.notEqual(outcomes[1]?.kind, "proven");
      assert.notEqual(outcomes[3]?.kind, "notice");
    },
  );
  await fc.assert(property, { numRuns: 1_500 });
});
