/**
 * The protocol client against a real, certified provider.
 */
import assert from "node:assert/strict";
import type { OidcProviderOptions } from "../../../src/identity/oidc/options.ts";
import type { OidcProvider } from "../../../src/identity/oidc/port.ts";
import { createBrowserless } from "../../support/browserless.ts";
import { testKeys } from "../../support/gateway.ts";
import { startOidcProvider } from "../../support/oidc_provider.ts";
import type { TestOidcProvider } from "../../support/oidc_provider.ts";
import { clientOf, context, options, question, REDIRECT_URI } from "./support.ts";

const secret = "secret" in options.clientAuth ? options.clientAuth.secret : "";
const CLIENT = {
  client_id: "postern",
  client_secret: secret,
  redirect_uris: [REDIRECT_URI],
  post_logout_redirect_uris: ["http://localhost:9/auth/oidc/signed-out"],
  grant_types: ["authorization_code", "refresh_token"],
};
const ADA = { email: "ada@example.com", email_verified: true, name: "Ada", groups: ["eng"] };

async function withProvider(
  client: Readonly<Record<string, unknown>>,
  changed: Partial<OidcProviderOptions>,
  body: (ours: OidcProvider, theirs: TestOidcProvider) => Promise<void>,
): Promise<void> {
  const theirs = await startOidcProvider({
    clients: [{ ...CLIENT, ...client }],
    people: { ada: ADA },
  });
  try {
    await body(await clientOf(theirs.issuer, changed), theirs);
  } finally {
    await theirs.stop();
  }
}

/** A sign-in of `ada` up to the callback. */
async function signIn(ours: OidcProvider, asked = question()) {
  const authorized = await ours.authorize(asked, context);
  assert.equal(authorized.kind, "redirect", JSON.stringify(authorized));
  const url = "url" in authorized ? authorized.url : "";
  const browser = createBrowserless();
  const back = (address: string) => address.startsWith(REDIRECT_URI);
  const form = await browser.go(url, back);
  const { url: callback } = await browser.logIn(form, "ada", back);
  const outcome = await ours.exchange(
    { ...asked, callback: new URL(callback).searchParams },
    context,
  );
  return { url, callback, outcome, browser, asked };
}

function proven(outcome: Awaited<ReturnType<OidcProvider["exchange"]>>) {
  assert.equal(outcome.kind, "proven", JSON.stringify(outcome));
  return outcome as Extract<typeof outcome, { kind: "proven" }>;
}

const ways: readonly [string, Readonly<Record<string, unknown>>, Partial<OidcProviderOptions>][] = [
  ["a secret in the header", {}, {}],
  ["a secret in the body", { token_endpoint_auth_method: "client_secret_post" }, {
    clientAuth: { kind: "client_secret_post", secret },
  }],
  ["no secret, PKCE alone", {
    token_endpoint_auth_method: "none",
    client_secret: undefined,
  }, { clientAuth: { kind: "none" }, par: "never" }],
  ["parameters in the URL", {}, { par: "never" }],
];

for (const [name, client, changed] of ways) {
  Deno.test(`somebody signs in: ${name}`, async () => {
    await withProvider(client, changed, async (ours, theirs) => {
      const { outcome, url, callback } = await signIn(ours);
      const { claims, idToken } = proven(outcome);
      assert.equal(claims.sub, "ada");
      assert.equal(claims.iss, theirs.issuer);
      assert.match(idToken, /^ey/);
      const parameters = new URL(url).searchParams;
      if (changed.par === "never") {
        assert.equal(parameters.get("code_challenge_method"), "S256");
        assert.equal(parameters.get("response_type"), "code");
      } else {
        // Nothing of the request is left in the browser's history.
        assert.deepEqual([...parameters.keys()].sort(), ["client_id", "request_uri"]);
      }
      assert.equal(new URL(callback).searchParams.get("iss"), theirs.issuer, "RFC 9207");
    });
  });
}

Deno.test("private_key_jwt with a key of our ring: there is no shared secret", async () => {
  const { ring } = await testKeys();
  await withProvider(
    {
      token_endpoint_auth_method: "private_key_jwt",
      client_secret: undefined,
      jwks: ring.publicJwks,
    },
    { clientAuth: { kind: "private_key_jwt" } },
    async (ours) => {
      assert.equal(proven((await signIn(ours)).outcome).claims.sub, "ada");
    },
  );
});

Deno.test("UserInfo is asked only for a wanted claim that the ID token leaves out", async () => {
  await withProvider({}, { wanted: ["/sub"] }, async (ours, theirs) => {
    const { claims } = proven((await signIn(ours)).outcome);
    assert.equal(claims.email, undefined);
    assert.equal(theirs.asked.get("/me"), undefined);
  });
  await withProvider({}, { wanted: ["/sub", "/email"] }, async (ours, theirs) => {
    const { claims } = proven((await signIn(ours)).outcome);
    assert.equal(claims.email, "ada@example.com");
    assert.deepEqual(claims.groups, ["eng"]);
    assert.equal(theirs.asked.get("/me"), 1);
  });
});

Deno.test("a code is good once, and only with its own verifier", async () => {
  await withProvider({}, {}, async (ours) => {
    const { asked, callback } = await signIn(ours);
    const again = await ours.exchange(
      { ...asked, callback: new URL(callback).searchParams },
      context,
    );
    assert.deepEqual({ ...again, reason: "" }, {
      kind: "refused",
      error: "invalid_grant",
      reason: "",
    });
  });
});

Deno.test("a refresh token is exchanged for the next, and a disabled account for nothing", async () => {
  await withProvider({}, {}, async (ours, theirs) => {
    const { refreshToken } = proven((await signIn(ours)).outcome);
    assert.ok(refreshToken);
    const first = await ours.refresh(refreshToken, "ada", context);
    assert.equal(first.kind, "welcome", JSON.stringify(first));
    const next = first.kind === "welcome" ? first.refreshToken : "";
    assert.notEqual(next, refreshToken);
    theirs.disable("ada");
    const refused = await ours.refresh(next, "ada", context);
    assert.equal(refused.kind === "refused" && refused.error, "invalid_grant");
  });
});

Deno.test("signing out goes on at the provider and comes back", async () => {
  await withProvider({}, {}, async (ours) => {
    const { outcome, browser } = await signIn(ours);
    const url = await ours.endSessionUrl({
      idToken: proven(outcome).idToken,
      redirectUri: "http://localhost:9/auth/oidc/signed-out",
      state: "s",
    }, context);
    const page = await browser.go(url ?? "");
    assert.equal(page.status, 200);
    assert.match(page.text, /sign-out|logout/i);
  });
});

Deno.test("discovery is asked when it is first needed, once, however many sign in", async () => {
  await withProvider({}, { par: "never" }, async (ours, theirs) => {
    assert.equal(theirs.asked.size, 0, "nothing at start");
    await Promise.all(Array.from({ length: 20 }, () => ours.authorize(question(), context)));
    assert.equal(theirs.asked.get("/.well-known/openid-configuration"), 1);
  });
});

Deno.test("a provider that is down is unavailable, and signs people in when it is back", async () => {
  const first = await startOidcProvider({ clients: [CLIENT], people: { ada: ADA } });
  await first.stop();
  const ours = await clientOf(first.issuer);
  const outcome = await ours.authorize(question(), context);
  assert.equal(outcome.kind, "unavailable", JSON.stringify(outcome));
  assert.ok(ours.isFailing());
});
