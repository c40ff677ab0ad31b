/**
 * What an operator sees of people who sign in at a provider: in the metrics, in the admin API, and
 * how the provider's sessions are ended as a whole, also after it has left the configuration.
 */
import assert from "node:assert/strict";
import { createBrowserless } from "../../support/browserless.ts";
import { startGatewayProcess } from "../../support/gateway_process.ts";
import { startOidcProvider } from "../../support/oidc_provider.ts";
import { freePort } from "../../support/ports.ts";
import { promtool } from "../../support/promtool.ts";
import { startUpstream } from "../../support/upstream.ts";
import { until } from "../../support/until.ts";
import { PEOPLE, SECRET } from "./support.ts";

Deno.test("a provider is seen by its name: in metrics, sessions, and where its sessions are ended", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-watched-" });
  const port = freePort();
  const origin = `http://localhost:${port}`;
  const idp = await startOidcProvider({
    people: PEOPLE,
    clients: [{
      client_id: "postern",
      client_secret: SECRET,
      redirect_uris: [`${origin}/auth/oidc/work/callback`],
    }],
  });
  const app = startUpstream();
  const provider = { issuer: idp.issuer, clientId: "postern", clientSecret: { env: "WORK" } };
  const config = (providers: object) => ({
    origin,
    providers,
    // Somebody has to vouch for people when the provider has left.
    identity: { kind: "upstream", url: `${app.url}/login`, subject: "/user" },
    store: { kind: "sqlite", path: `${folder}/postern.db` },
    upstreams: { app: { targets: [app.url] } },
    routes: [{ path: "/*", upstream: "app" }],
  });
  const file = `${folder}/postern.json`;
  await Deno.writeTextFile(file, JSON.stringify(config({ work: provider })));
  const gateway = await startGatewayProcess({
    config: {},
    port,
    env: { POSTERN_CONFIG: file, WORK: SECRET },
  });
  const admin = gateway.admin ?? assert.fail();
  // deno-lint-ignore no-explicit-any
  const ask = async (path: string, init?: RequestInit): Promise<any> =>
    await (await fetch(`${admin}${path}`, init)).json();
  const metrics = async () => await (await fetch(`${admin}/metrics`)).text();
  const revoke = (body: object) =>
    ask("/v1/revocations", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ provider: "work", ...body }),
    });
  async function signIn() {
    const browser = createBrowserless();
    const start = await browser.go(`${gateway.url}/auth/oidc/work/start?return_to=/reports`);
    const page = await browser.logIn(start, "ada");
    assert.equal(page.status, 200, page.text);
    return browser;
  }
  try {
    const browser = createBrowserless();
    await browser.go(`${gateway.url}/reports`);
    const ada = await signIn();
    await fetch(`http://127.0.0.1:${port}/auth/oidc/work/backchannel-logout`, {
      method: "POST",
      body: new URLSearchParams({ logout_token: "nonsense" }),
    }).then((response) => response.body?.cancel());

    const { events } = await ask("/v1/events");
    const signedIn = events.find(({ event }: { event: string }) => event === "sign_in");
    assert.equal(signedIn?.provider, "work");

    const text = await metrics();
    const { code, output } = await promtool(["check", "metrics"], text);
    assert.equal(output, "");
    assert.equal(code, 0);
    for (
      const line of [
        'postern_login_redirects_total{reason="token_missing"} 1',
        'postern_authentications_total{transport="none",result="token_missing"} 1',
        'postern_authentications_total{transport="cookie",result="accepted"} 1',
        'postern_oidc_requests_total{provider="work",operation="authorize",result="ok"} 1',
        'postern_oidc_requests_total{provider="work",operation="exchange",result="ok"} 1',
        'postern_sign_ins_total{source="work",result="accepted"} 1',
        'postern_back_channel_logouts_total{provider="work",result="refused"} 1',
        // Seen at 0 before it rises, or increase() would miss the first one.
        'postern_back_channel_logouts_total{provider="work",result="unavailable"} 0',
        'postern_oidc_requests_total{provider="work",operation="authorize",result="unavailable"} 0',
      ]
    ) {
      assert.ok(text.split("\n").includes(line), `${line}\n\n${text}`);
    }
    assert.match(text, /^postern_jwks_age_seconds\{issuer="work"\} [\d.]+$/m);
    assert.equal(
      [...text.matchAll(/^postern_signing_key_age_seconds\{kid="[^"]+"\} /gm)].length,
      2,
    );

    const { sessions } = await ask("/v1/sessions");
    assert.deepEqual(
      sessions.map((each: Record<string, unknown>) => [each["subject"], each["provider"]]),
      [["work|ada", "work"]],
    );
    assert.equal((await ask(`/v1/sessions/${sessions[0].sid}`)).provider, "work");
    assert.equal((await ask("/v1/sessions?provider=work")).sessions.length, 1);
    assert.equal((await ask("/v1/sessions?provider=other")).sessions.length, 0);

    // The provider was broken into and has been taken out: its sessions can still be counted, and ended.
    await Deno.writeTextFile(file, JSON.stringify(config({})));
    await until(
      async () =>
        (await ask("/v1/issuers")).issuers.every(({ kind }: { kind: string }) =>
          kind !== "provider"
        ),
      "the provider to be gone",
    );
    assert.equal((await revoke({ dryRun: true })).count, 1);
    assert.equal((await revoke({})).count, 1);
    assert.equal((await ask("/v1/sessions")).sessions.length, 0);
    const after = await ada.request(`${gateway.url}/reports`, {
      headers: { "sec-fetch-mode": "cors", accept: "*/*" },
    });
    assert.equal(after.status, 401);
  } finally {
    await gateway.stop();
    await app.stop();
    await idp.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
