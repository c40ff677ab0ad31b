/** Device-bound sessions on both runtimes, from outside, on a store that all instances share. */
import assert from "node:assert/strict";
import { BoundBrowser } from "../support/bound_browser.ts";
import { RUNTIMES } from "../support/stand.ts";
import { startUpstream } from "../support/upstream.ts";
import { startBackend } from "../support/backend.ts";
import { PEOPLE } from "../support/backend.ts";

for (const harness of RUNTIMES) {
  Deno.test({
    name: `${harness.name}: a browser binds its session and renews it; copied cookies do not`,
    sanitizeResources: false,
    sanitizeOps: false,
    async fn() {
      const upstream = startUpstream();
      const backend = startBackend();
      const store = await harness.store();
      const gateway = await harness.start({
        config: {
          identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
          store: store.config,
          deviceBinding: "require",
          tokens: { accessTtl: "1m" },
          upstreams: { app: { targets: [upstream.url] } },
          routes: [{ path: "/*", upstream: "app", refresh: "transparent" }],
        },
        env: store.env,
      });
      try {
        const browser = new BoundBrowser(gateway.url);
        await browser.signIn("ada", PEOPLE.ada.password);
        const registered = await browser.register();
        assert.equal(registered.status, 200, await registered.clone().text());
        await registered.body?.cancel();
        const thief = browser.stolen();
        for (let each = 0; each < 3; each++) {
          const renewed = await browser.renewOnce();
          assert.equal(renewed.status, 200, await renewed.text());
        }
        const used = await browser.fetch("/things");
        assert.equal(used.status, 200);
        await used.body?.cancel();
        thief.cookies.delete("postern-access");
        for (
          const answer of [
            await thief.renew(),
            await thief.post("/auth/refresh"),
            await thief.fetch("/things"),
          ]
        ) {
          assert.deepEqual([answer.status, (await answer.json()).code], [403, "binding_required"]);
        }
        const { sessions } = await (await browser.fetch("/auth/sessions")).json();
        assert.equal(sessions[0].bound, "dbsc");
      } finally {
        await gateway.stop();
        await store.stop();
        await backend.stop();
        await upstream.stop();
      }
    },
  });
}
