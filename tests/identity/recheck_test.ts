import assert from "node:assert/strict";
import { createRecheck, type RecheckOptions } from "../../src/identity/recheck.ts";
import { nobodyListens, serve } from "./endpoint.ts";

const context = { requestId: "req-9", signal: new AbortController().signal };

function recheck(url: string, options: Partial<RecheckOptions> = {}) {
  return createRecheck({
    url,
    claims: { scope: "/permissions", name: "/name", sub: "/name" },
    timeoutMs: 30_000,
    maxBytes: 65_536,
    ...options,
  }, { fetch });
}

Deno.test("200 means welcome, with the claims as they are now", async () => {
  await using endpoint = serve(() => Response.json({ name: "Ada", permissions: ["a", "b"] }));
  assert.deepEqual(await recheck(endpoint.url)("user-7", context), {
    kind: "welcome",
    claims: { scope: "a b", name: "Ada" },
  });
  const [request] = endpoint.requests;
  assert.ok(request);
  assert.equal(request.method, "POST");
  assert.equal(request.headers.get("content-type"), "application/json");
  assert.equal(request.headers.get("x-request-id"), "req-9");
  assert.deepEqual(JSON.parse(request.body), { subject: "user-7" });
});

Deno.test("only 401, 403, 404 and 410 end a session", async () => {
  for (const status of [401, 403, 404, 410]) {
    await using endpoint = serve(() => Response.json({}, { status }));
    assert.deepEqual(await recheck(endpoint.url)("u", context), { kind: "refused" });
  }
  for (const status of [201, 202, 302, 400, 405, 409, 422, 429, 500, 502, 503]) {
    await using endpoint = serve(() => Response.json({}, { status, headers: { location: "/" } }));
    const outcome = await recheck(endpoint.url)("u", context);
    assert.ok(outcome.kind === "unavailable", `${status} is ${outcome.kind}`);
    assert.match(outcome.reason, new RegExp(`status ${status}`));
  }
});

Deno.test("an endpoint that is down, slow or broken ends no session", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using slow = serve(async () => {
    await released;
    return Response.json({});
  });
  await using html = serve(() => new Response("<p>", { headers: { "content-type": "text/html" } }));
  await using large = serve(() => Response.json("x".repeat(2_000)));
  const outcomes = [
    await recheck(nobodyListens())("u", context),
    await recheck(slow.url, { timeoutMs: 200 })("u", context),
    await recheck(html.url)("u", context),
    await recheck(large.url, { maxBytes: 1_000 })("u", context),
  ];
  release();
  assert.deepEqual(outcomes.map(({ kind }) => kind), Array(4).fill("unavailable"));
});
