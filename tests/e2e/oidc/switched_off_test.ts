/**
 * Where there are no providers there is nothing of them.
 */
import assert from "node:assert/strict";
import { BrowserClient } from "../../support/browser_client.ts";
import { startGateway } from "../../support/gateway.ts";

Deno.test("without providers there is no path, no cookie and no word of them", async () => {
  const gateway = await startGateway();
  try {
    for (
      const [method, path] of [
        ["GET", "/auth/oidc/work/start"],
        ["GET", "/auth/oidc/work/callback?code=x&state=y"],
        ["POST", "/auth/oidc/work/backchannel-logout"],
        ["GET", "/auth/oidc/login?iss=x"],
        ["GET", "/auth/oidc/signed-out"],
      ] as const
    ) {
      const answer = await fetch(gateway.url + path, { method });
      assert.equal(answer.status, 404, path);
      await answer.body?.cancel();
    }
    const page = await fetch(`${gateway.url}/auth/login?reason=not_allowed&provider=work`, {
      headers: { accept: "text/html" },
    });
    const text = await page.text();
    assert.doesNotMatch(text, /oidc|class="or"|class="providers"|no access here/);
    const client = new BrowserClient(gateway.url);
    await client.signIn();
    assert.ok([...client.cookies.keys()].every((name) => !/flow|provider/.test(name)));
    assert.equal((await client.post("/auth/logout")).status, 204);
  } finally {
    await gateway.stop();
  }
});
