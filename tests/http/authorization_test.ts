import assert from "node:assert/strict";
import { createTokenSchemes } from "../../src/http/authorization.ts";
import { startGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

Deno.test("Bearer is read as RFC 6750 has it, and other schemes are left alone", () => {
  const schemes = createTokenSchemes([]);
  for (const value of ["Bearer a.b-c", "bearer a.b-c", "BEARER   a.b-c"]) {
    assert.deepEqual(schemes.read(value), {
      kind: "token",
      token: "a.b-c",
      scheme: "bearer",
    });
  }
  for (
    const value of [
      "Bearer",
      "Bearer ",
      "Bearer a b",
      "Bearer a, Bearer b",
      "Bearer\ta",
      "bearer,a",
    ]
  ) {
    assert.equal(schemes.read(value).kind, "malformed", value);
  }
  for (const value of [null, "", "Basic Zm9v", "Bearerx a", "JWT a", "x Bearer a"]) {
    assert.equal(schemes.read(value).kind, "other", String(value));
  }
  for (const value of ["Bearer a", "Basic x, bearer y", "x\tBEARER", ",bearer"]) {
    assert.ok(schemes.mentionedIn(value), value);
  }
  for (const value of ["Basic Bearerx", "unbearer", ""]) {
    assert.ok(!schemes.mentionedIn(value), value);
  }
});

Deno.test("tokens under the scheme that an app's clients send are taken, and go no further", async () => {
  const upstream = startUpstream((_request, seen) => Response.json(seen));
  const config = { tokens: { headerTypes: ["JWT", "Token"] } };
  const gateway = await startGateway({ upstream: upstream.url, config });
  const plain = await startGateway({ upstream: upstream.url });
  try {
    const pair = await (await fetch(`${gateway.url}/api/token/`, {
      method: "POST",
      body: new URLSearchParams({ username: "demo", password: "postern" }),
    })).json();
    for (const scheme of ["JWT", "jwt", "Token", "Bearer"]) {
      const answer = await fetch(`${gateway.url}/x`, {
        headers: { authorization: `${scheme} ${pair.access}` },
      });
      const text = await answer.text();
      assert.equal(answer.status, 200, `${scheme}: ${text}`);
      assert.ok(!text.includes(pair.access), "no credential reaches the upstream");
    }
    const refused = await fetch(`${plain.url}/x`, {
      headers: { authorization: `JWT ${pair.access}` },
    });
    assert.equal(refused.status, 401);
    await refused.body?.cancel();
  } finally {
    await gateway.stop();
    await plain.stop();
    await upstream.stop();
  }
});
