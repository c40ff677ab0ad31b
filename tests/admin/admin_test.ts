import assert from "node:assert/strict";
import * as fc from "fast-check";
import { AdminTokenError, readAdminTokens } from "../../src/admin/guard.ts";
import { adminHarness } from "./harness.ts";

const TOKEN = "t0ken-".padEnd(40, "x");

Deno.test("a page of sessions goes on with its cursor, and shows no token's id", async () => {
  const admin = await adminHarness();
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const query: string = after === null ? "" : `?after=${after}`;
    const { status, body } = await admin.json(`/v1/sessions${query}`);
    assert.equal(status, 200);
    assert.doesNotMatch(JSON.stringify(body), /jti/i);
    seen.push(...body.sessions.map((each: { sid: string }) => each.sid));
    after = body.next;
  } while (after !== null);
  assert.deepEqual(seen, admin.sessions.map(({ sid }) => sid));
});

Deno.test("sessions are found by subject, address and age", async () => {
  const admin = await adminHarness();
  const [first, second, third] = admin.sessions;
  assert.ok(first && second && third);
  const found = async (query: string) => {
    const { body } = await admin.json(`/v1/sessions?${query}`);
    return body.sessions.map((each: { sid: string }) => each.sid);
  };
  assert.deepEqual(await found("subject=bob"), [second.sid]);
  assert.deepEqual(await found("ip=10.0.0.1"), [first.sid]);
  const time = new Date(second.lastSeenAtMs).toISOString();
  assert.deepEqual(await found(`lastSeenBefore=${time}`), [first.sid]);
});

Deno.test("a session is shown and ended by its id, and the audit log says by whom", async () => {
  const admin = await adminHarness();
  const { sid } = admin.sessions[0] ?? assert.fail();
  const { body } = await admin.json(`/v1/sessions/${sid}`);
  assert.equal(body.subject, "ada");
  assert.equal(body.claims.scope, "read write");
  const headers = { "x-postern-actor": "grace" };
  const ended = await admin.json(`/v1/sessions/${sid}`, { method: "DELETE", headers });
  assert.equal(ended.status, 204);
  assert.deepEqual(admin.events, [{
    event: "admin_action",
    action: "session_revoked",
    actor: "local:grace",
    sid,
    subject: "ada",
  }]);
  const again = await admin.json(`/v1/sessions/${sid}`, { method: "DELETE" });
  assert.equal(again.status, 404);
  assert.equal(again.body.code, "session_not_found");
});

Deno.test("a dry run counts and ends nothing", async () => {
  const admin = await adminHarness();
  const path = "/v1/subjects/ada/sessions";
  const dry = await admin.json(`${path}?dryRun=true`, { method: "DELETE" });
  assert.deepEqual(dry.body, { count: 3, atLeast: false, dryRun: true });
  assert.equal(admin.ended.length, 0);
  const wet = await admin.json(path, { method: "DELETE" });
  assert.deepEqual(wet.body, { count: 3, atLeast: false, dryRun: false });
  assert.deepEqual(admin.ended, [{ subject: "ada" }]);
  assert.deepEqual(admin.events.map((each) => "count" in each ? each.count : 0), [3]);
});

Deno.test("revocations take exactly one selector", async () => {
  const admin = await adminHarness();
  const post = (json: unknown) => admin.json("/v1/revocations", { json });
  for (const wrong of [{}, { sid: "a", subject: "b" }, { everybody: true }, { subject: 7 }]) {
    const { status, body } = await post(wrong);
    assert.equal(status, 400, JSON.stringify(wrong));
    assert.equal(body.code, "invalid_request");
  }
  assert.equal((await post({ provider: "work" })).body.code, "not_implemented");
  assert.deepEqual((await post({ jti: "j-1" })).body, {
    count: null,
    atLeast: false,
    dryRun: false,
  });
  const time = new Date(admin.sessions[2]?.createdAtMs ?? 0).toISOString();
  const before = await post({ issuedBefore: time, dryRun: true });
  assert.deepEqual(before.body, { count: 3, atLeast: false, dryRun: true });
  assert.deepEqual(admin.ended, [{ jti: "j-1" }]);
  assert.equal((await post({ issuedBefore: "yesterday" })).status, 400);
});

Deno.test("a parameter that can not be read is told of in words for people", async () => {
  const admin = await adminHarness();
  const detail = async (path: string, method = "GET") =>
    (await admin.json(path, { method })).body.detail;
  for (const limit of ["x", "0", "501", "1.5"]) {
    for (const path of ["/v1/sessions", "/v1/events"]) {
      const said = await detail(`${path}?limit=${limit}`);
      assert.equal(said, "limit: must be a whole number from 1 to 500");
    }
  }
  const said = await detail("/v1/subjects/ada/sessions?dryRun=perhaps", "DELETE");
  assert.equal(said, 'dryRun: must be "true" or "false"');
  assert.deepEqual(admin.ended, []);
});

Deno.test("unknown parameters, doubled ones and wrong methods are refused", async () => {
  const admin = await adminHarness();
  for (const path of ["sessions?limit=0", "sessions?limit=501", "sessions?x=1"]) {
    assert.equal((await admin.json(`/v1/${path}`)).status, 400, path);
  }
  assert.equal((await admin.json("/v1/sessions?subject=ada&subject=bob")).status, 400);
  const wrong = await admin.ask("/v1/sessions", { method: "PUT" });
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get("allow"), "GET, HEAD");
  assert.equal((await admin.json("/v1/nothing")).body.code, "not_found");
});

Deno.test("the state of upstreams, issuers, keys and the process can be read", async () => {
  const admin = await adminHarness();
  assert.equal((await admin.json("/v1/upstreams")).body.upstreams[0].targets[1].healthy, false);
  assert.equal((await admin.json("/v1/issuers")).body.issuers[0].name, "work");
  assert.equal((await admin.json("/v1/status")).body.revocationView.ageSeconds, 0.9);
  assert.match(await (await admin.ask("/metrics")).text(), /^postern_build_info\{/m);
  const unused = async () =>
    (await admin.json("/v1/keys")).body.keys.map((key: { unused: boolean }) => key.unused);
  assert.deepEqual(await unused(), [false, false]);
  admin.clock.advance(25 * 3600 * 1000);
  assert.deepEqual(await unused(), [false, true], "nothing was verified with it for a day");
});

Deno.test("a configuration is checked without being put in force, and reloaded with an event", async () => {
  const admin = await adminHarness();
  assert.equal((await admin.json("/v1/config")).body.hash.slice(0, 8), "a3dc557d");
  const check = await admin.json("/v1/config/check", { json: {} });
  assert.deepEqual(check.body, { valid: false, problems: ["origin: is required (string)"] });
  const reload = await admin.json("/v1/config/reload", { method: "POST" });
  assert.deepEqual(reload.body, { changed: true, hash: "def" });
  assert.deepEqual(admin.events.map((each) => "action" in each ? each.action : ""), ["reloaded"]);

  const refusing = await adminHarness({
    reload: () => Promise.resolve({ kind: "refused", problems: ["a: is wrong", "b: too"] }),
  });
  const refused = await refusing.json("/v1/config/reload", { method: "POST" });
  assert.equal(refused.status, 422);
  assert.equal(refused.body.code, "config_invalid");
  assert.deepEqual(refused.body.problems, ["a: is wrong", "b: too"]);
});

Deno.test("readiness says why not, and probes need neither token nor name", async () => {
  const settings = { trustsPeers: false, tokens: TOKEN };
  const open = await adminHarness(settings);
  assert.equal((await open.ask("/livez", { headers: { host: "10.1.2.3:8788" } })).status, 200);
  assert.equal((await open.ask("/readyz", { headers: { host: "10.1.2.3:8788" } })).status, 200);
  const draining = await adminHarness({
    ...settings,
    parts: { ready: () => Promise.resolve({ ready: false, why: "draining" }) },
  });
  const { status, body } = await draining.json("/readyz");
  assert.equal(status, 503);
  assert.equal(body.code, "not_ready");
  assert.equal(body.why, "draining");
});

Deno.test("without a token, only a loopback name is answered: DNS rebinding finds nothing", async () => {
  const admin = await adminHarness();
  for (const host of ["localhost:8788", "127.0.0.1", "[::1]:8788"]) {
    assert.equal((await admin.ask("/v1/keys", { headers: { host } })).status, 200, host);
  }
  for (const host of ["evil.example", "evil.example:8788", "127.0.0.1.evil.example", "10.0.0.1"]) {
    const { status, body } = await admin.json("/v1/keys", { headers: { host } });
    assert.equal(status, 421, host);
    assert.equal(body.code, "admin_host_unknown");
  }
});

Deno.test("a page of another site can change nothing, whatever it sends", async () => {
  const admin = await adminHarness();
  const attempts: Record<string, string>[] = [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "https://evil.example" },
    { origin: "null" },
    { "content-type": "application/x-www-form-urlencoded" },
    { "content-type": "text/plain" },
  ];
  for (const headers of attempts) {
    const { status, body } = await admin.json("/v1/revocations", {
      method: "POST",
      body: "subject=ada",
      headers,
    });
    assert.equal(status, 403, JSON.stringify(headers));
    assert.equal(body.code, "csrf_failed");
  }
  assert.equal(admin.ended.length, 0);
  const image = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" };
  assert.equal((await admin.ask("/v1/sessions", { headers: image })).status, 403);
  const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
  assert.equal((await admin.ask("/v1/sessions", { headers: link })).status, 200);
});

Deno.test("a token is asked for where others can connect; the audit log has its name", async () => {
  const admin = await adminHarness({
    trustsPeers: false,
    tokens: `grace:${TOKEN}, alan:${TOKEN.toUpperCase()}`,
  });
  const without = await admin.ask("/v1/sessions");
  assert.equal(without.status, 401);
  assert.match(without.headers.get("www-authenticate") ?? "", /Basic realm="postern admin"/);
  const authorization = `Bearer ${TOKEN}`;
  assert.equal((await admin.ask("/v1/sessions", { headers: { authorization } })).status, 200);
  for (const wrong of [`Bearer ${TOKEN}x`, "Bearer x", "Bearer", "Basic %%%", `Digest ${TOKEN}`]) {
    const headers = { authorization: wrong };
    assert.equal((await admin.ask("/v1/sessions", { headers })).status, 401, wrong);
  }
  const basic = `Basic ${btoa(`whoever:${TOKEN.toUpperCase()}`)}`;
  const { status } = await admin.json("/v1/revocations", {
    json: { subject: "ada" },
    headers: { authorization: basic, "x-postern-actor": "grace" },
  });
  assert.equal(status, 200);
  const done = admin.events.find(({ event }) => event === "admin_action");
  assert.equal(done?.event === "admin_action" && done.actor, "token:alan");
});

Deno.test("a token that could be guessed is refused at the start, and never quoted", async () => {
  await assert.rejects(readAdminTokens(`short-secret grace:${TOKEN} grace:${TOKEN}`), (error) => {
    assert.ok(error instanceof AdminTokenError);
    assert.equal(error.problems.length, 2);
    assert.doesNotMatch(error.message, /short-secret/);
    return true;
  });
  assert.deepEqual(await readAdminTokens(undefined), []);
  assert.deepEqual((await readAdminTokens(TOKEN)).map(({ name }) => name), ["token"]);
});

Deno.test("nothing that can be asked makes it fail: every answer is meant", async () => {
  const admin = await adminHarness();
  const word = fc.oneof(
    fc.constantFrom(
      ..."sessions subjects revocations upstreams keys config check reload drain events status"
        .split(
          " ",
        ),
      "..",
      "%2f",
      "%",
      "%00",
      "null",
    ),
    fc.string({ maxLength: 12 }),
  );
  const path = fc.array(word, { maxLength: 4 }).map((words) => `/v1/${words.join("/")}`);
  const query = fc.dictionary(
    fc.constantFrom("limit", "after", "subject", "ip", "provider", "lastSeenBefore", "dryRun", "x"),
    fc.string({ unit: "binary", maxLength: 20 }),
    { maxKeys: 3 },
  );
  const body = fc.oneof(
    fc.json({ maxDepth: 2 }),
    fc.record({
      subject: fc.string(),
      sid: fc.string(),
      issuedBefore: fc.string(),
      dryRun: fc.anything(),
    }, { requiredKeys: [] }).map((value) => JSON.stringify(value) ?? "null"),
    fc.string({ unit: "binary" }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
      path,
      query,
      body,
      async (method, path, query, body) => {
        const response = await admin.ask(`${path}?${new URLSearchParams(query)}`, {
          method,
          headers: { "content-type": "application/json" },
          ...(method === "GET" || method === "HEAD" ? {} : { body }),
        });
        await response.body?.cancel();
        assert.ok([200, 202, 204, 400, 404, 405, 413, 415, 422, 501].includes(response.status));
        assert.equal(response.headers.get("cache-control"), "no-store");
      },
    ),
    { numRuns: 1500 },
  );
  const odd = admin.events.filter(({ event }) => event === "internal_error");
  assert.deepEqual(odd, []);
});
