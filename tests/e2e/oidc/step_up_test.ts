/**
 * Routes that ask for a stronger or a more recent sign-in.
 */
import assert from "node:assert/strict";
import { createBrowserless } from "../../support/browserless.ts";
import { startEvilProvider } from "../../support/evil_provider.ts";
import type { EvilProvider } from "../../support/evil_provider.ts";
import { startGateway } from "../../support/gateway.ts";
import type { TestGateway } from "../../support/gateway.ts";
import { startUpstream } from "../../support/upstream.ts";
import { SECRET, visit, withHouse } from "./support.ts";

const seconds = () => Math.floor(Date.now() / 1000);

const routes = [
  { path: "/mfa/*", upstream: "app", require: { acr: ["urn:example:mfa", "urn:example:key"] } },
  { path: "/recent/*", upstream: "app", require: { maxAuthAge: "15m" } },
  { path: "/*", upstream: "app" },
];

/** A provider that does as it is asked: `acr_values` and `max_age` decide what its tokens say. */
async function withProvider(
  says: (asked: URLSearchParams) => Record<string, unknown>,
  body: (house: { evil: EvilProvider; gateway: TestGateway; asked: URLSearchParams[] }) => Promise<
    void
  >,
): Promise<void> {
  const asked: URLSearchParams[] = [];
  const evil = await startEvilProvider({
    question: (query) => void asked.push(query),
    claims: (claims) => ({ ...claims, ...says(asked.at(-1) ?? new URLSearchParams()) }),
  });
  const app = startUpstream();
  const gateway = await startGateway({
    upstream: app.url,
    secrets: () => SECRET,
    config: {
      identity: undefined,
      routes,
      providers: {
        work: { issuer: evil.issuer, clientId: "postern", clientSecret: { env: "WORK_SECRET" } },
      },
    },
  });
  try {
    await body({ evil, gateway, asked });
  } finally {
    await gateway.stop();
    await app.stop();
    await evil.stop();
  }
}

Deno.test("a browser is sent to the provider for a stronger sign-in, and comes back with it", async () => {
  const says = (asked: URLSearchParams) => ({
    acr: asked.has("acr_values") ? "urn:example:mfa" : "urn:example:password",
  });
  await withProvider(says, async ({ gateway, asked }) => {
    const browser = createBrowserless();
    assert.equal((await browser.go(`${gateway.url}/plain`)).status, 200);
    const page = await browser.go(`${gateway.url}/mfa/x?y=1`);
    assert.equal(JSON.parse(page.text).target, "/mfa/x?y=1");
    assert.equal(asked.length, 2);
    assert.equal(asked[1]?.get("acr_values"), "urn:example:mfa urn:example:key");
    assert.equal((await browser.go(`${gateway.url}/mfa/again`)).status, 200);
    assert.equal(asked.length, 2, "once is enough");
    const query = { subject: "ada", after: null, limit: 10 };
    assert.equal((await gateway.store.listSessions(query)).sessions.length, 1);
  });
});

Deno.test("an API hears what would suffice (RFC 9470), and is sent nowhere", async () => {
  await withProvider(() => ({}), async ({ gateway }) => {
    const browser = createBrowserless();
    await browser.go(`${gateway.url}/plain`);
    const script = { headers: { "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin" } };
    const mfa = await browser.request(`${gateway.url}/mfa/x`, script);
    assert.equal(mfa.status, 401);
    assert.equal(JSON.parse(mfa.text).code, "insufficient_user_authentication");
    assert.equal(
      mfa.headers.get("www-authenticate"),
      'Bearer realm="postern", error="insufficient_user_authentication", ' +
        'error_description="This asks for a stronger or more recent sign-in", ' +
        'acr_values="urn:example:mfa urn:example:key"',
    );
    const recent = await browser.request(`${gateway.url}/recent/x`, script);
    assert.match(recent.headers.get("www-authenticate") ?? "", /, max_age="900"$/);
  });
});

Deno.test("a provider that does not reach what was asked leads to words, not in circles", async () => {
  await withProvider(() => ({ acr: "urn:example:password" }), async ({ gateway }) => {
    const browser = createBrowserless();
    await browser.go(`${gateway.url}/plain`);
    const page = await browser.go(`${gateway.url}/mfa/x`);
    assert.match(page.text, /asks for a stronger sign-in/);
    assert.equal(
      (await browser.go(`${gateway.url}/plain`)).status,
      200,
      "and nobody is signed out",
    );
  });
});

Deno.test("a sign-in that is too long ago is asked for again", async () => {
  let agoSeconds = 0;
  const says = () => ({ auth_time: seconds() - agoSeconds });
  await withProvider(says, async ({ gateway, asked }) => {
    const browser = createBrowserless();
    assert.equal((await browser.go(`${gateway.url}/recent/x`)).status, 200);
    assert.equal(asked.length, 1, "the first sign-in is recent");
    gateway.clock.advance(16 * 60_000);
    agoSeconds = -16 * 60;
    assert.equal((await browser.go(`${gateway.url}/recent/x`)).status, 200);
    assert.equal(asked[1]?.get("max_age"), "900");
  });
  // A provider that says the sign-in was long ago all the same is not believed.
  await withProvider(() => ({ auth_time: seconds() - 7_200 }), async ({ gateway }) => {
    const page = await createBrowserless().go(`${gateway.url}/recent/x`);
    assert.match(page.text, /did not work/);
  });
});

Deno.test("a real provider asks again for max_age, and says when", async () => {
  await withHouse({ gateway: { config: { routes } } }, async (house) => {
    const { browser } = await visit(house, "/plain");
    const { page } = await visit(house, "/recent/x", { browser });
    assert.equal(page.status, 200, page.text.slice(0, 300));
    assert.equal(JSON.parse(page.text).target, "/recent/x");
  });
});
