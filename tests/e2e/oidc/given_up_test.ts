/** A client that hangs up while its provider is asked loses nothing: the question goes on. */
import assert from "node:assert/strict";
import { generateKeySet } from "../../../src/tokens/key_ring.ts";
import { createBrowserless } from "../../support/browserless.ts";
import { startEvilProvider } from "../../support/evil_provider.ts";
import { denoHarness } from "../../support/gateway_process.ts";
import { freePort } from "../../support/ports.ts";
import { until } from "../../support/until.ts";
import { startUpstream } from "../../support/upstream.ts";
import { workerdHarness } from "../../support/workerd.ts";
import { SECRET } from "./support.ts";

for (const harness of [denoHarness, workerdHarness]) {
  Deno.test({
    name: `${harness.name}: a refresh that was given up keeps what the provider gave for it`,
    // The request that is given up leaves its connection behind.
    sanitizeResources: false,
    sanitizeOps: false,
    async fn() {
      const evil = await startEvilProvider();
      // As providers do that rotate: each refresh token is good once.
      let live = "refresh token 0";
      let issued = 0;
      let answered = 0;
      let hold = Promise.resolve();
      let refused = false;
      evil.spoiling = {
        async idToken(claims, header) {
          const { body } = evil.asked.at(-1) ?? { body: new URLSearchParams() };
          if (body.get("grant_type") === "refresh_token") {
            refused = body.get("refresh_token") !== live;
            live = `refresh token ${++issued}`;
            await hold;
            answered++;
          }
          return await evil.sign(claims, header);
        },
        token: (body) =>
          refused
            ? Response.json({ error: "invalid_grant" }, { status: 400 })
            : { ...body, refresh_token: live },
      };
      const app = startUpstream();
      const store = await harness.store();
      const gateway = await harness.start({
        port: freePort(),
        config: {
          store: store.config,
          providers: {
            work: {
              issuer: evil.issuer,
              clientId: "postern",
              clientSecret: { env: "WORK_SECRET" },
              recheck: "refresh",
            },
          },
          upstreams: { app: { targets: [app.url] } },
          routes: [{ path: "/*", upstream: "app" }],
        },
        env: {
          ...store.env,
          WORK_SECRET: SECRET,
          POSTERN_KEYS: JSON.stringify(await generateKeySet()),
        },
      });
      try {
        const browser = createBrowserless();
        assert.equal((await browser.go(`${gateway.url}/a`)).status, 200);
        const { host } = new URL(gateway.url);
        const cookies = browser.cookies().filter((each) => each.host === host);
        const refresh = (signal?: AbortSignal) =>
          fetch(`${gateway.url}/auth/refresh`, {
            method: "POST",
            ...(signal === undefined ? {} : { signal }),
            headers: {
              "sec-fetch-site": "same-origin",
              "cookie": cookies.map(({ name, value }) => `${name}=${value}`).join("; "),
              "x-csrf-token": cookies.find(({ name }) => name.endsWith("csrf"))?.value ?? "",
            },
          });
        let release = () => {};
        hold = new Promise((resolve) => release = resolve);
        const given = new AbortController();
        const abandoned = refresh(given.signal).catch(() => null);
        await until(() => issued === 1, "the provider is asked");
        given.abort();
        await abandoned;
        // The gateway has heard of it, and the provider answers nobody's question.
        await new Promise((resolve) => setTimeout(resolve, 500));
        release();
        await until(() => answered === 1, "the provider has answered");
        const again = await refresh();
        assert.equal(again.status, 200, await again.text());
      } finally {
        await gateway.stop();
        await store.stop();
        await app.stop();
        await evil.stop();
      }
    },
  });
}
