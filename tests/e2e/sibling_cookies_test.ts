/**
 * What a sibling subdomain can do with cookies, in a real Chromium: it may set any for
 * the whole domain, but none whose name the browser knows to begin with `__Host-`.
 */
import assert from "node:assert/strict";
import { localhostCertificate, signInOn, startChromium } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort } from "../support/ports.ts";
import { startUpstream } from "../support/upstream.ts";

const DOMAIN = "example.com";

Deno.test({
  name: "a sibling subdomain can neither plant a session of its own nor lock anybody out",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const tls = await localhostCertificate();
    const upstream = startUpstream((_request, seen) =>
      new Response(`<!doctype html><h1>${seen.headers.get("x-auth-subject")}</h1>`, {
        headers: { "content-type": "text/html" },
      })
    );
    const port = freePort();
    const origin = `https://app.${DOMAIN}:${port}`;
    const gateway = await startGateway({
      upstream: upstream.url,
      port,
      tls,
      config: { origin, routes: [{ path: "/*", upstream: "app", refresh: "transparent" }] },
    });
    let planted: readonly string[] = [];
    const sibling = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {}, ...tls }, () => {
      const headers = new Headers({ "content-type": "text/html" });
      for (const cookie of planted) {
        headers.append("set-cookie", `${cookie}; Domain=${DOMAIN}; Path=/; Secure`);
      }
      return new Response("<!doctype html><title>Evil</title>", { headers });
    });
    const attacker = await startChromium({ ownDomain: DOMAIN });
    const victim = await startChromium({ ownDomain: DOMAIN });
    try {
      const own = await attacker.newPage();
      await own.goto(`${origin}/x`);
      await signInOn(own);
      await own.getByRole("heading", { name: "demo" }).waitFor();
      const stolen = new Map((await attacker.cookies()).map(({ name, value }) => [name, value]));
      const access = stolen.get("__Host-postern-access") ?? "";
      const refresh = stolen.get("__Host-postern-refresh") ?? "";
      assert.ok(access !== "" && refresh !== "");

      planted = [
        `__Host-postern-access=${access}`,
        `\u00a0__Host-postern-access=${access}`,
        `\u00a0__Host-postern-refresh=${refresh}`,
        `__Host-postern-refresh\u00a0=${refresh}`,
        `\u0085__Host-postern-access=${access}`,
        `postern-access=${access}`,
        `__host-postern-access=${access}`,
        `x=__Host-postern-access=1`,
        `y=a, __Host-postern-access=${access}`,
        `=__Host-postern-access=${access}`,
        `postern-csrf=v1.${"a".repeat(43)}`,
      ];
      const page = await victim.newPage();
      await page.goto(`https://evil.${DOMAIN}:${sibling.addr.port}/`);
      // Those with a byte that is no space to the browser are there, for the whole domain.
      const arrived = (await victim.cookies(origin)).filter(({ domain }) =>
        domain === `.${DOMAIN}`
      );
      assert.ok(arrived.filter(({ value }) => value === access || value === refresh).length >= 3);

      // Nobody is signed in, least of all as the attacker, and the page is there.
      await page.goto(`${origin}/private`);
      assert.equal(new URL(page.url()).pathname, "/auth/login");
      await signInOn(page);
      await page.waitForURL(`${origin}/private`);
      // With a session of their own nothing is ambiguous, and the script reads its own token.
      const status = await page.evaluate(`(async () => {
        const { createPostern } = await import("/auth/client.js");
        const postern = createPostern();
        await postern.ready;
        return (await postern.fetch("/save", { method: "POST", body: "x" })).status;
      })()`);
      assert.equal(status, 200);
    } finally {
      await attacker.close();
      await victim.close();
      await sibling.shutdown();
      await gateway.stop();
      await upstream.stop();
    }
  },
});
