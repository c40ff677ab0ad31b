/** At most so many sessions of one person: the oldest gives way, at once, and the log says so. */
import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

Deno.test("one sign-in too many ends the oldest session, here at once, and is told", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    config: { tokens: { maxSessions: 3 } },
  });
  try {
    const pairs: { access: string; refresh: string }[] = [];
    for (let i = 0; i < 5; i++) {
      gateway.clock.advance(1_000);
      const response = await fetch(`${gateway.url}/api/token/`, {
        method: "POST",
        body: new URLSearchParams({ username: "demo", password: "postern" }),
      });
      assert.equal(response.status, 200);
      pairs.push(await response.json());
    }
    const statuses = await Promise.all(pairs.map(async ({ access }) => {
      const headers = { authorization: `Bearer ${access}` };
      const response = await fetch(`${gateway.url}/x`, { headers });
      await response.body?.cancel();
      return response.status;
    }));
    assert.deepEqual(statuses, [401, 401, 200, 200, 200]);
    const refreshed = await fetch(`${gateway.url}/api/token/refresh/`, {
      method: "POST",
      body: new URLSearchParams({ refresh: pairs[0]?.refresh ?? "" }),
    });
    assert.equal(refreshed.status, 401);
    await refreshed.body?.cancel();
    const names = gateway.events.map(({ event }) => event.event);
    assert.equal(names.filter((name) => name === "sign_in").length, 5);
    assert.equal(names.filter((name) => name === "session_revoked").length, 2);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});
