import assert from "node:assert/strict";
import fc from "fast-check";
import type { IdentityOutcome } from "../../src/identity/port.ts";
import {
  createUpstreamIdentity,
  type UpstreamIdentityOptions,
} from "../../src/identity/upstream.ts";
import { endlessBody, type Endpoint, hangUp, jwtOf, nobodyListens, serve } from "./endpoint.ts";

const USERNAME = "ada-who-must-not-be-logged";
const PASSWORD = "s3cret-that-must-not-be-logged";
const TOKEN_SECRET = "token-that-must-not-be-logged";
// Far more than a local answer needs: only tests of slowness ever wait for a timeout.
const PATIENT_MS = 30_000;

const DEFAULTS: Omit<UpstreamIdentityOptions, "url"> = {
  format: "json",
  usernameField: "username",
  passwordField: "password",
  subject: "/user/id",
  claims: {},
  timeoutMs: PATIENT_MS,
  maxBytes: 65_536,
};

function login(
  url: string,
  options: Partial<UpstreamIdentityOptions> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<IdentityOutcome> {
  return createUpstreamIdentity({ ...DEFAULTS, ...options, url }, { fetch, clock: () => 0 })
    .authenticate({ username: USERNAME, password: PASSWORD }, { requestId: "req-1", signal });
}

function assertUnavailable(outcome: IdentityOutcome, reason: RegExp): void {
  assert.ok(outcome.kind === "unavailable", `expected unavailable, not ${outcome.kind}`);
  assert.match(outcome.reason, reason);
  for (const secret of [USERNAME, PASSWORD, TOKEN_SECRET]) {
    assert.ok(!outcome.reason.includes(secret), outcome.reason);
  }
}

/** An endpoint that echoes whatever it is told into an answer of the given form. */
function answering(body: string, init: ResponseInit = {}): Endpoint {
  return serve(() =>
    new Response(body, { headers: { "content-type": "application/json" }, ...init })
  );
}

Deno.test("credentials are posted as JSON, and subject and claims come by pointer", async () => {
  await using endpoint = answering(
    JSON.stringify({ user: { id: 7, permissions: ["shop.view", "shop.add"], team: { id: "t1" } } }),
  );
  const outcome = await login(endpoint.url, {
    usernameField: "email",
    claims: { scope: "/user/permissions", team: "/user/team/id", nickname: "/user/nickname" },
  });
  assert.deepEqual(outcome, {
    kind: "accepted",
    subject: "7",
    claims: { scope: "shop.view shop.add", team: "t1" },
  });
  const [request] = endpoint.requests;
  assert.ok(request);
  assert.equal(request.method, "POST");
  assert.equal(request.headers.get("content-type"), "application/json");
  assert.equal(request.headers.get("accept"), "application/json");
  assert.equal(request.headers.get("x-request-id"), "req-1");
  assert.deepEqual(JSON.parse(request.body), { email: USERNAME, password: PASSWORD });
});

Deno.test("credentials are posted as a form where that is asked for", async () => {
  await using endpoint = answering(JSON.stringify({ user: { id: "u" } }));
  const identity = createUpstreamIdentity(
    { ...DEFAULTS, url: endpoint.url, format: "form" },
    { fetch },
  );
  const credentials = { username: "a&password=x", password: "ü = ?\r\n&" };
  const { signal } = new AbortController();
  assert.equal(
    (await identity.authenticate(credentials, { requestId: "r", signal })).kind,
    "accepted",
  );
  const [request] = endpoint.requests;
  assert.ok(request);
  assert.deepEqual(Object.fromEntries(new URLSearchParams(request.body)), credentials);
});

Deno.test("subject and claims come out of a JWT inside the answer", async () => {
  const access = jwtOf(JSON.stringify({ user_id: 5, scope: "read", name: "Ada ü", exp: 1 }));
  await using endpoint = answering(JSON.stringify({ tokens: { access } }));
  const outcome = await login(endpoint.url, {
    token: "/tokens/access",
    subject: "/user_id",
    claims: { scope: "/scope", name: "/name", exp: "/exp" },
  });
  assert.deepEqual(outcome, {
    kind: "accepted",
    subject: "5",
    claims: { scope: "read", name: "Ada ü" },
  });
});

Deno.test("an answer without a readable JWT is no answer", async () => {
  const broken = [
    undefined,
    7,
    "",
    TOKEN_SECRET,
    "a.b",
    "a.b.c.d.e",
    `a.${TOKEN_SECRET}!.c`,
    "a.b.c",
    jwtOf("[1]"),
    jwtOf("null"),
    jwtOf('"text"'),
    jwtOf(`{"user_id": "${TOKEN_SECRET}`),
  ];
  for (const access of broken) {
    await using endpoint = answering(JSON.stringify({ access }));
    const outcome = await login(endpoint.url, { token: "/access", subject: "/user_id" });
    assertUnavailable(outcome, /no JWT/);
  }
});

Deno.test("an answer without a usable subject is no answer", async () => {
  for (const user of [{}, { id: "" }, { id: null }, { id: "a\nb" }, { id: 1.5 }]) {
    await using endpoint = answering(JSON.stringify({ user }));
    assertUnavailable(await login(endpoint.url), /no usable subject/);
  }
});

Deno.test("only 400, 401, 403 and 422 mean a wrong password", async () => {
  for (const status of [400, 401, 403, 422]) {
    await using endpoint = answering("{}", { status });
    assert.deepEqual(await login(endpoint.url), { kind: "rejected" }, String(status));
  }
  for (const status of [300, 304, 402, 404, 405, 409, 410, 418, 500, 502, 503]) {
    await using endpoint = serve(() => new Response(null, { status }));
    assertUnavailable(await login(endpoint.url), new RegExp(`status ${status}`));
  }
});

Deno.test("an endpoint that throttles is passed on with its Retry-After", async () => {
  const headers = [["17", 17], ["Thu, 01 Jan 1970 00:01:00 GMT", 60], ["999999", 3_600]] as const;
  for (const [value, seconds] of headers) {
    await using endpoint = answering("{}", { status: 429, headers: { "retry-after": value } });
    assert.deepEqual(await login(endpoint.url), { kind: "throttled", retryAfterSeconds: seconds });
  }
  await using silent = answering("{}", { status: 429 });
  assert.deepEqual(await login(silent.url), { kind: "throttled", retryAfterSeconds: 30 });
});

Deno.test("a redirect is not followed: the password goes nowhere else", async () => {
  await using elsewhere = answering(JSON.stringify({ user: { id: 1 } }));
  for (const status of [301, 302, 303, 307, 308]) {
    await using endpoint = serve(() => Response.redirect(elsewhere.url, status));
    assertUnavailable(await login(endpoint.url), new RegExp(`status ${status}`));
    assert.equal(endpoint.requests.length, 1);
  }
  assert.equal(elsewhere.requests.length, 0);
});

Deno.test("an answer that is not JSON by its content type is no answer", async () => {
  const body = JSON.stringify({ user: { id: 1 } });
  for (const type of ["text/html", "text/plain", "application/jsonp", "text/json", ""]) {
    await using endpoint = answering(body, { headers: { "content-type": type } });
    assertUnavailable(await login(endpoint.url), /not JSON by its content type/);
  }
  for (
    const type of ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"]
  ) {
    await using endpoint = answering(body, { headers: { "content-type": type } });
    assert.equal((await login(endpoint.url)).kind, "accepted", type);
  }
});

Deno.test("broken JSON is no answer, and is not quoted", async () => {
  for (const body of [`{"user": {"id": "${TOKEN_SECRET}`, `${TOKEN_SECRET}`, ""]) {
    await using endpoint = answering(body);
    assertUnavailable(await login(endpoint.url), /not usable JSON|no body/);
  }
});

Deno.test("JSON nested so deeply that an encoder would break is no answer", async () => {
  const nested = "[".repeat(20_000) + "]".repeat(20_000);
  await using endpoint = answering(`{"user": {"id": 1, "groups": ${nested}}}`);
  const outcome = await login(endpoint.url, { claims: { groups: "/user/groups" } });
  assertUnavailable(outcome, /not usable JSON/);
});

Deno.test("a body of exactly the limit is read, one byte more is not", async () => {
  const body = JSON.stringify({ user: { id: 1 } });
  await using endpoint = answering(body);
  assert.equal((await login(endpoint.url, { maxBytes: body.length })).kind, "accepted");
  assertUnavailable(await login(endpoint.url, { maxBytes: body.length - 1 }), /larger than/);
});

Deno.test("an endless body is cut off at the limit, and let go of", async () => {
  const { body, cancelled } = endlessBody({ chunkBytes: 16_384, everyMs: 0 });
  await using endpoint = serve(() =>
    new Response(body, { headers: { "content-type": "application/json" } })
  );
  assertUnavailable(await login(endpoint.url), /larger than 65536 bytes/);
  await cancelled;
});

Deno.test("a small answer that unpacks into a huge one is cut off at the limit", async () => {
  const huge = new Blob([`{"user": {"id": 1}}${" ".repeat(5_000_000)}`]).stream();
  const packed = await new Response(huge.pipeThrough(new CompressionStream("gzip"))).bytes();
  assert.ok(packed.byteLength < 65_536);
  await using endpoint = serve(() =>
    new Response(packed, {
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
    })
  );
  assertUnavailable(await login(endpoint.url), /larger than/);
});

Deno.test("an endpoint that drips is left after the timeout, and let go of", async () => {
  const { body, cancelled } = endlessBody({ chunkBytes: 1, everyMs: 20 });
  await using endpoint = serve(() =>
    new Response(body, { headers: { "content-type": "application/json" } })
  );
  assertUnavailable(await login(endpoint.url, { timeoutMs: 300 }), /within 300 ms/);
  await cancelled;
});

Deno.test("an endpoint that never answers is left after the timeout", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using endpoint = serve(async () => {
    await released;
    return new Response();
  });
  assertUnavailable(await login(endpoint.url, { timeoutMs: 200 }), /within 200 ms/);
  release();
});

Deno.test("a body that does not listen to the signal is left after the timeout too", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    // All that is needed, but not the end: what is cut off must not pass for an answer.
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"user":{"id":1}}')),
    cancel: () => void (cancelled = true),
  });
  const deaf = () =>
    Promise.resolve(new Response(body, { headers: { "content-type": "application/json" } }));
  const identity = createUpstreamIdentity(
    { ...DEFAULTS, url: "http://localhost/", timeoutMs: 100 },
    { fetch: deaf },
  );
  const { signal } = new AbortController();
  const credentials = { username: USERNAME, password: PASSWORD };
  const outcome = await identity.authenticate(credentials, { requestId: "r", signal });
  assertUnavailable(outcome, /within 100 ms/);
  assert.ok(cancelled);
});

Deno.test("a subject that is not UTF-8 is not made into another one", async () => {
  const body = new Uint8Array([
    ...new TextEncoder().encode('{"user":{"id":"'),
    0xff,
    0x22,
    0x7d,
    0x7d,
  ]);
  await using endpoint = serve(() =>
    new Response(body, { headers: { "content-type": "application/json" } })
  );
  assertUnavailable(await login(endpoint.url), /not usable JSON/);
});

Deno.test("a sign-in whose client has gone is given up", async () => {
  const client = new AbortController();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using endpoint = serve(async () => {
    client.abort();
    await released;
    return new Response();
  });
  assertUnavailable(await login(endpoint.url, {}, client.signal), /given up/);
  release();
  assertUnavailable(await login(endpoint.url, {}, client.signal), /given up/);
  assert.equal(endpoint.requests.length, 1);
});

Deno.test("an endpoint that hangs up is unavailable", async () => {
  for (
    const bytes of [
      "",
      "HTTP/1.1 200 OK\r\n",
      "not http at all\r\n\r\n",
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"user"',
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ]
  ) {
    await using endpoint = hangUp(bytes);
    assertUnavailable(await login(endpoint.url), /^login endpoint: /);
  }
});

Deno.test("an endpoint that is not there is unavailable, and the reason says why", async () => {
  assertUnavailable(await login(nobodyListens()), /connection refused/);
});

Deno.test("a key inside the endpoint's URL is not repeated in a reason", async () => {
  const outcome = await login(`${nobodyListens()}?key=${TOKEN_SECRET}`);
  assertUnavailable(outcome, /connection refused/);
});

Deno.test("an answer of 204 or an empty body is no answer", async () => {
  await using none = serve(() => new Response(null, { status: 204 }));
  assertUnavailable(await login(none.url), /not JSON by its content type/);
});

Deno.test("whatever an endpoint answers, nothing is thrown and no reason tells a secret", async () => {
  let next = new Response();
  await using endpoint = serve(() => next);
  const document = fc.record({
    user: fc.record({ id: fc.jsonValue({ maxDepth: 1 }) }, { requiredKeys: [] }),
    access: fc.oneof(
      fc.constant(jwtOf(JSON.stringify({ user: { id: PASSWORD } }))),
      fc.constant(jwtOf(`{"user": "${PASSWORD}`)),
      fc.jsonValue({ maxDepth: 1 }),
    ),
    echo: fc.constant(PASSWORD),
  }, { requiredKeys: ["echo"] }).map((value) => JSON.stringify(value));
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(200, 200, 200, 201, 204, 302, 400, 404, 429, 500, 503),
      fc.constantFrom("application/json", "application/json", "text/html"),
      fc.oneof(document, fc.string().map((text) => text + PASSWORD)),
      fc.constantFrom(null, "/access" as const),
      async (status, type, body, token) => {
        next = new Response(status === 204 ? null : body, {
          status,
          headers: { "content-type": type, "location": `/${PASSWORD}`, "retry-after": PASSWORD },
        });
        const outcome = await login(endpoint.url, token === null ? {} : { token });
        seen.add(outcome.kind);
        if (outcome.kind === "accepted") return;
        for (const secret of [USERNAME, PASSWORD]) {
          assert.ok(!JSON.stringify(outcome).includes(secret), JSON.stringify(outcome));
        }
      },
    ),
    // A fixed seed, so that the kinds below are always met.
    { numRuns: 300, seed: 1 },
  );
  assert.deepEqual([...seen].sort(), ["accepted", "rejected", "throttled", "unavailable"]);
});
