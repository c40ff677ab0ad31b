/**
 * Signing in at a real provider, through the gateway in the real workerd, on two of them.
 */
import assert from "node:assert/strict";
import { generateKeySet } from "../../../src/tokens/key_ring.ts";
import { createBrowserless } from "../../support/browserless.ts";
import type { Browserless } from "../../support/browserless.ts";
import { startOidcProvider } from "../../support/oidc_provider.ts";
import { freePort } from "../../support/ports.ts";
import { until } from "../../support/until.ts";
import { startUpstream } from "../../support/upstream.ts";
import { workerdHarness } from "../../support/workerd.ts";
import { PEOPLE, SECRET } from "./support.ts";

const script = { headers: { "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin" } };

async function rotate(browser: Browserless, url: string): Promise<number> {
  const { host } = new URL(url);
  const csrf = browser.cookies().find((each) => each.host === host && each.name === "postern-csrf");
  const answer = await browser.request(`${url}/auth/refresh`, {
    method: "POST",
    headers: { "sec-fetch-site": "same-origin", "x-csrf-token": csrf?.value ?? "" },
  });
  return answer.status;
}

Deno.test("on workerd: sign-in, recheck, and a sign-out at the provider that reaches another instance", async () => {
  const ports = [freePort(), freePort()] as const;
  const origins = ports.map((port) => `http://localhost:${port}`);
  const idp = await startOidcProvider({
    people: PEOPLE,
    clients: [{
      client_id: "postern",
      client_secret: SECRET,
      redirect_uris: origins.map((origin) => `${origin}/auth/oidc/work/callback`),
      backchannel_logout_uri: `${origins[1]}/auth/oidc/work/backchannel-logout`,
      backchannel_logout_session_required: true,
      grant_types: ["authorization_code", "refresh_token"],
    }],
  });
  const app = startUpstream();
  const store = await workerdHarness.store();
  const env = {
    ...store.env,
    WORK_SECRET: SECRET,
    POSTERN_KEYS: JSON.stringify(await generateKeySet()),
  };
  const config = {
    store: store.config,
    revocation: { pollInterval: "200ms", maxStaleness: "1s" },
    tokens: { issuer: "https://shared.test", audience: "https://shared.test" },
    providers: {
      work: {
        issuer: idp.issuer,
        clientId: "postern",
        clientSecret: { env: "WORK_SECRET" },
        claims: { email: "/email" },
        recheck: "refresh",
      },
    },
    upstreams: { app: { targets: [app.url] } },
    routes: [{ path: "/*", upstream: "app" }],
  };
  const [first, second] = await Promise.all(
    ports.map((port) => workerdHarness.start({ config, env, port })),
  );
  assert.ok(first !== undefined && second !== undefined);
  try {
    const browser = createBrowserless();
    const form = await browser.go(`${first.url}/reports?year=2026`);
    assert.ok(form.url.startsWith(idp.issuer), form.text.slice(0, 300));
    const page = await browser.logIn(form, "ada");
    assert.equal(page.status, 200, page.text.slice(0, 300));
    const { target, headers } = JSON.parse(page.text);
    assert.equal(target, "/reports?year=2026");
    assert.equal(headers["x-auth-email"], "ada@example.com");

    for (let i = 0; i < 3; i++) assert.equal(await rotate(browser, first.url), 200);

    // Several who begin at once share what was discovered, or fetch it themselves; none hangs.
    const started = await Promise.all(
      Array.from(
        { length: 10 },
        () => createBrowserless().go(`${second.url}/x`, (url) => url.startsWith(idp.issuer)),
      ),
    );
    assert.ok(started.every(({ url }) => url.startsWith(`${idp.issuer}/auth?`)));

    const asked = await browser.go(`${idp.issuer}/session/end`);
    const [, xsrf = ""] = /name="xsrf" value="([^"]+)"/.exec(asked.text) ?? [];
    await browser.go(`${idp.issuer}/session/end/confirm`, undefined, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ xsrf, logout: "yes" }).toString(),
    });
    await until(
      async () => (await browser.request(`${first.url}/a`, script)).status === 401,
      "the other instance has told this one",
    );
  } finally {
    await first.stop();
    await second.stop();
    await store.stop();
    await app.stop();
    await idp.stop();
  }
});
