/** The keys of an issuer: fetched when needed, never too often, never from where a token says. */
import assert from "node:assert/strict";
import { createGetJson } from "../../../src/outbound/get_json.ts";
import { createKeySet } from "../../../src/tokens/issuers/key_set.ts";
import type {
  KeyFinding,
  KeySetReport,
  SharedDocuments,
} from "../../../src/tokens/issuers/key_set.ts";
import { createTestClock } from "../../support/clock.ts";
import { createKey, startIssuer } from "./issuer_server.ts";
import type { IssuerServer } from "./issuer_server.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const waitUntil = () => {};

function setOf(issuer: IssuerServer, more: {
  readonly discovery?: boolean;
  readonly timeoutMs?: number;
  readonly shared?: SharedDocuments;
} = {}) {
  const clock = createTestClock();
  const reports: KeySetReport[] = [];
  const keys = createKeySet(
    { issuer: issuer.issuer, jwks: more.discovery === true ? null : issuer.jwks },
    {
      clock,
      getJson: createGetJson(
        { timeoutMs: more.timeoutMs ?? 5_000, maxBytes: 512 * 1024 },
        { fetch },
      ),
      shared: more.shared,
      report: (report) => reports.push(report),
    },
  );
  const find = async (kid: string | null) =>
    nameOf(await keys.find({ alg: "ES256", kid }, waitUntil));
  return { keys, clock, reports, find };
}

function nameOf(finding: KeyFinding): string {
  return typeof finding === "string" ? finding : `key ${finding.kid}`;
}

/** Lets a fetch in the background come home. */
async function settled(issuer: IssuerServer, fetches: number): Promise<void> {
  for (let i = 0; i < 200 && issuer.asked.length < fetches; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(issuer.asked.length, fetches);
}

Deno.test("nothing is fetched before a key is asked for, and then once for everybody", async () => {
  await using issuer = await startIssuer();
  const { find } = setOf(issuer);
  assert.equal(issuer.asked.length, 0);
  const found = await Promise.all(Array.from({ length: 50 }, () => find("key-1")));
  assert.deepEqual(new Set(found), new Set(["key key-1"]));
  assert.equal(issuer.asked.length, 1);
});

Deno.test("a flood of made-up key ids costs one fetch in 30 s", async () => {
  await using issuer = await startIssuer();
  const { find, clock } = setOf(issuer);
  await find("key-1");
  clock.advance(31_000);
  for (let i = 0; i < 1_000; i++) assert.equal(await find(`made-up-${i}`), "unknown_key");
  assert.equal(issuer.asked.length, 2);
  clock.advance(29_000);
  await find("made-up");
  assert.equal(issuer.asked.length, 2);
  clock.advance(1_500);
  await find("made-up");
  assert.equal(issuer.asked.length, 3);
});

Deno.test("a new key is found within one fetch, a removed one is trusted no longer", async () => {
  await using issuer = await startIssuer();
  const { keys, find, clock } = setOf(issuer);
  const before = await keys.find({ alg: "ES256", kid: "key-1" }, waitUntil);
  assert.ok(typeof before !== "string");
  const old = issuer.keys;
  issuer.keys = [await createKey("key-2", "ES256"), ...old];
  clock.advance(31_000);
  assert.equal(await find("key-2"), "key key-2");
  assert.equal(await keys.find({ alg: "ES256", kid: "key-1" }, waitUntil), before);
  assert.equal(before.isTrusted, true);
  issuer.keys = issuer.keys.slice(0, 1);
  clock.advance(11 * MINUTE);
  assert.equal(await find("key-1"), "unknown_key");
  assert.equal(before.isTrusted, false);
});

Deno.test("an issuer that takes all its keys back, or all that can be used, has none", async () => {
  const other = await createKey("key-2", "ES384");
  for (const left of [[], [{ kty: "AKP", alg: "ML-DSA-44", kid: "new", pub: "x" }], [other.jwk]]) {
    await using issuer = await startIssuer();
    const { keys, find, clock } = setOf(issuer);
    const before = await keys.find({ alg: "ES256", kid: "key-1" }, waitUntil);
    assert.ok(typeof before !== "string");
    issuer.respond = () => Response.json({ keys: left });
    clock.advance(11 * MINUTE);
    assert.equal(await find("key-1"), "unknown_key", JSON.stringify(left));
    assert.equal(before.isTrusted, false, "nor are the tokens that are remembered");
  }
});

Deno.test("an issuer that fails is left alone between attempts, and counts as tried", async () => {
  await using issuer = await startIssuer();
  issuer.respond = () => new Response(null, { status: 500 });
  const { find, clock } = setOf(issuer);
  for (let i = 0; i < 20; i++) assert.equal(await find("key-1"), "unavailable");
  assert.equal(issuer.asked.length, 1);
  for (const [pauseMs, fetches] of [[1_000, 2], [2_000, 3], [4_000, 4], [8_000, 5]] as const) {
    clock.advance(pauseMs - 300);
    await find("key-1");
    assert.equal(issuer.asked.length, fetches - 1);
    clock.advance(301);
    await find("key-1");
    assert.equal(issuer.asked.length, fetches);
  }
  clock.advance(30_001);
  issuer.respond = null;
  assert.equal(await find("key-1"), "key key-1");
});

Deno.test("an issuer that is down takes nobody down for a day, and nobody waits for it", async () => {
  await using issuer = await startIssuer();
  const { keys, find, clock } = setOf(issuer);
  await find("key-1");
  issuer.respond = () => new Response(null, { status: 503 });
  clock.advance(HOUR);
  assert.equal(await find("key-1"), "key key-1");
  assert.equal(issuer.asked.length, 2);
  // From now on it is tried beside the requests: the answer is there without a promise.
  clock.advance(MINUTE);
  assert.ok(!(keys.find({ alg: "ES256", kid: "key-1" }, waitUntil) instanceof Promise));
  assert.equal(keys.isFresh(waitUntil), true);
  await settled(issuer, 3);
  clock.advance(23 * HOUR);
  assert.equal(await find("key-1"), "unavailable");
  assert.equal(keys.isFresh(waitUntil), false);
});

Deno.test("a set is renewed in the background before its time is over", async () => {
  await using issuer = await startIssuer();
  const { keys, find, clock } = setOf(issuer);
  await find("key-1");
  clock.advance(7 * MINUTE);
  assert.equal(keys.isFresh(waitUntil), true);
  clock.advance(90_000);
  assert.equal(keys.isFresh(waitUntil), true);
  await settled(issuer, 2);
  clock.advance(5 * MINUTE);
  assert.equal(keys.isFresh(waitUntil), true);
  await settled(issuer, 2);
});

Deno.test("an answer that is too large, too long, no JSON, a redirect or too slow is no key set", async () => {
  await using issuer = await startIssuer();
  const [key] = issuer.keys;
  const answers: Record<string, () => Response | Promise<Response>> = {
    "larger than": () => new Response("[" + " ".repeat(600 * 1024) + "]"),
    "no key set": () => Response.json({ keys: Array.from({ length: 101 }, () => key?.jwk) }),
    "not usable JSON": () => new Response("<html>"),
    "status 302": () => new Response(null, { status: 302, headers: { location: issuer.jwks } }),
    "within": () => new Promise((resolve) => setTimeout(() => resolve(Response.json({})), 400)),
  };
  for (const [reason, answer] of Object.entries(answers)) {
    issuer.respond = answer;
    const { find, reports } = setOf(issuer, { timeoutMs: reason === "within" ? 100 : 5_000 });
    assert.equal(await find("key-1"), "unavailable", reason);
    const [report] = reports;
    assert.ok(report?.result === "failed" && report.reason.includes(reason), reason);
  }
});

Deno.test("keys that are not for signatures, too weak, doubled or of the wrong kind are left out", async () => {
  await using issuer = await startIssuer();
  const [good] = issuer.keys;
  assert.ok(good !== undefined);
  const { find } = setOf(issuer);
  const rsa = { kty: "RSA", e: "AQAB", use: "sig" };
  const bad: object[] = [
    { ...good.jwk, kid: "enc", use: "enc" },
    { ...good.jwk, kid: "ops", key_ops: ["sign"] },
    { ...good.jwk, kid: "alg", alg: "ES384" },
    { ...good.jwk, kid: "off-curve", x: good.jwk.y },
    { ...good.jwk, kid: "curve", crv: "secp256k1" },
    { ...rsa, kid: "small", n: "w".repeat(171) },
    {
      kty: "oct",
      kid: "secret",
      k: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA",
      alg: "HS256",
    },
    { ...good.jwk, kid: 7 },
    { ...(await createKey("twice", "ES256")).jwk },
    { ...(await createKey("twice", "ES256")).jwk },
  ];
  issuer.respond = () => Response.json({ keys: [null, "x", [], ...bad, good.jwk] });
  assert.equal(await find("key-1"), "key key-1");
  for (const kid of ["enc", "ops", "alg", "curve", "small", "secret", "7", "twice"]) {
    assert.equal(await find(kid), "unknown_key", kid);
  }
});

Deno.test("a token without a key id is verified only where exactly one key fits", async () => {
  await using issuer = await startIssuer();
  const one = setOf(issuer);
  assert.equal(await one.find(null), "key key-1");
  issuer.keys = [...issuer.keys, await createKey("key-2", "RS256")];
  assert.equal(await setOf(issuer).find(null), "key key-1");
  issuer.keys = [...issuer.keys, await createKey("key-3", "ES256")];
  assert.equal(await setOf(issuer).find(null), "unknown_key");
});

Deno.test("discovery is believed only by the issuer's own name, and only https is followed from it", async () => {
  await using issuer = await startIssuer();
  assert.equal(await setOf(issuer, { discovery: true }).find("key-1"), "key key-1");
  const documents: Record<string, object> = {
    "another issuer": { issuer: `${issuer.issuer}/`, jwks_uri: issuer.jwks },
    "can be trusted": { issuer: issuer.issuer, jwks_uri: "http://keys.example.com/jwks" },
    "no jwks_uri": { issuer: issuer.issuer },
  };
  for (const [reason, document] of Object.entries(documents)) {
    issuer.respond = () => Response.json(document);
    const { find, reports } = setOf(issuer, { discovery: true });
    assert.equal(await find("key-1"), "unavailable");
    const [report] = reports;
    assert.ok(report?.result === "failed" && report.reason.includes(reason), reason);
  }
});

Deno.test("a copy that outlives the instance saves the fetch, and a missing key goes past it", async () => {
  await using issuer = await startIssuer();
  const copies = new Map<string, { document: never; atMs: number }>();
  const shared: SharedDocuments = {
    read: (url) => Promise.resolve(copies.get(url) ?? null),
    write(url, copy) {
      copies.set(url, { document: copy.document as never, atMs: copy.atMs });
      return Promise.resolve();
    },
  };
  assert.equal(await setOf(issuer, { shared }).find("key-1"), "key key-1");
  assert.equal(issuer.asked.length, 1);
  assert.equal(await setOf(issuer, { shared }).find("key-1"), "key key-1");
  assert.equal(issuer.asked.length, 1, "the second instance asked the shared copy");

  issuer.keys = [await createKey("key-2", "ES256")];
  const { find, clock } = setOf(issuer, { shared });
  assert.equal(await find("key-1"), "key key-1");
  clock.advance(31_000);
  assert.equal(await find("key-2"), "key key-2");
  assert.equal(issuer.asked.length, 2);
  const broken: SharedDocuments = {
    read: () => Promise.reject(new Error("no cache")),
    write: () => Promise.reject(new Error("no cache")),
  };
  assert.equal(await setOf(issuer, { shared: broken }).find("key-2"), "key key-2");
});
