/** Sessions bound by our own script on both runtimes, from outside, on a store that all share. */
import assert from "node:assert/strict";
import { es256 } from "../binding/keys.ts";
import { PEOPLE, startBackend } from "../support/backend.ts";
import { ScriptBrowser } from "../support/script_browser.ts";
import { RUNTIMES } from "../support/stand.ts";

for (const harness of RUNTIMES) {
  Deno.test({
    name: `${harness.name}: a script binds a session and renews it; copied cookies do not`,
    sanitizeResources: false,
    sanitizeOps: false,
    async fn() {
      const backend = startBackend();
      const store = await harness.store();
      const gateway = await harness.start({
        config: {
          identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
          store: store.config,
          deviceBinding: "offer",
          upstreams: { app: { targets: [backend.url] } },
          routes: [{ path: "/*", upstream: "app", refresh: "transparent" }],
        },
        env: store.env,
      });
      try {
        const browser = new ScriptBrowser(gateway.url);
        await browser.signIn("ada", PEOPLE.ada.password);
        browser.pair = await es256();
        const early = browser.stolen();
        const bound = await browser.prove("/auth/bind");
        assert.equal(bound.status, 200, await bound.clone().text());
        assert.equal((await bound.json()).bound, "script");
        const late = browser.stolen();
        for (const thief of [early, late]) {
          thief.cookies.delete("postern-access");
          const tries = [await thief.ask("/auth/refresh"), await thief.fetch("/things")];
          const codes = await Promise.all(tries.map(async (each) => (await each.json()).code));
          // Tokens of before say nothing of the key; the store does.
          const passing = thief === early ? "binding_required" : "token_missing";
          assert.deepEqual(codes, ["binding_required", passing]);
          assert.equal((await thief.prove("/auth/refresh", await es256())).status, 403);
        }
        for (let each = 0; each < 3; each++) {
          const renewed = await browser.prove("/auth/refresh");
          assert.equal(renewed.status, 200, await renewed.text());
        }
        const page = await browser.fetch("/auth/renew?return_to=/things");
        assert.match(await page.text(), /data-return-to="\/things"/);
        const script = await (await browser.fetch("/auth/client.js")).text();
        assert.match(script, /"secure-session-response"/);
      } finally {
        await gateway.stop();
        await store.stop();
        await backend.stop();
      }
    },
  });
}
