import { sign } from "hono/jwt";
import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/load.ts";
import { recordOf } from "../../src/store/rules.ts";
import { importKeyRing, KeyRingError } from "../../src/tokens/key_ring.ts";
import { createPairMinter } from "../../src/tokens/mint.ts";
import { createTokenVerifier } from "../../src/tokens/verify.ts";
import { keySet } from "../bench/tokens.ts";
import type { Algorithm } from "../bench/tokens.ts";
import { generation, newSession } from "../store/fixtures.ts";
import { createTestClock } from "../support/clock.ts";

const { tokens: RULES } = parseConfig({
  origin: "https://app.example.com",
  identity: { kind: "demo" },
  upstreams: { app: { targets: ["http://127.0.0.1:9"] } },
  routes: [{ path: "/*", upstream: "app" }],
}, "dev");

async function stage(algorithm: Algorithm = "EdDSA") {
  const clock = createTestClock();
  const json = await keySet(algorithm);
  const keys = await importKeyRing(json);
  const session = recordOf(newSession(clock));
  const verifier = createTokenVerifier({ keys, rules: RULES, clock });
  const mint = createPairMinter(keys, RULES);
  return { clock, json, keys, session, verifier, mint };
}

for (const algorithm of ["HS256", "ES256", "EdDSA", "RS256"] as const) {
  Deno.test(`${algorithm}: a pair is minted, verified, and each token is what it is`, async () => {
    const { clock, session, verifier, mint } = await stage(algorithm);
    const pair = await mint(session, generation(clock));
    const access = await verifier.verify(pair.access, "access");
    assert.ok(typeof access === "object");
    assert.equal(access.subject, session.subject);
    assert.equal(access.sid, session.sid);
    assert.equal(access.sessionCreatedAtMs, session.createdAtMs);
    assert.equal(access.scope, "read write");
    assert.equal(await verifier.verify(pair.refresh, "access"), "wrong_type");
    assert.equal(await verifier.verify(pair.access, "refresh"), "wrong_type");
    assert.equal(verifier.verify(pair.access, "access"), access, "seen before: answered at once");
  });
}

Deno.test("the cache never outlives exp, tolerance included", async () => {
  const { clock, session, verifier, mint } = await stage();
  const pair = await mint(session, generation(clock));
  assert.equal(typeof await verifier.verify(pair.access, "access"), "object");
  clock.advance(RULES.accessTtlSeconds * 1000 + 4_000);
  assert.equal(
    typeof await verifier.verify(pair.access, "access"),
    "object",
    "within the tolerance",
  );
  clock.advance(2_000);
  assert.equal(await verifier.verify(pair.access, "access"), "expired");
  assert.equal(await verifier.verify(pair.access, "access"), "expired", "and not remembered");
});

Deno.test("the cache is bounded", async () => {
  const { clock, keys, session, mint } = await stage();
  const verifier = createTokenVerifier({ keys, rules: RULES, clock, cacheSize: 4 });
  const first = await mint(session, generation(clock));
  await verifier.verify(first.access, "access");
  for (let index = 0; index < 20; index++) {
    const { access } = await mint(session, generation(clock));
    await verifier.verify(access, "access");
  }
  assert.ok(verifier.verify(first.access, "access") instanceof Promise, "forgotten, not wrong");
});

Deno.test("claims are checked to the letter", async () => {
  const { clock, keys, session, verifier, mint } = await stage();
  const { access } = await mint(session, generation(clock));
  const good = JSON.parse(
    new TextDecoder().decode(
      Uint8Array.fromBase64(access.split(".")[1] ?? "", { alphabet: "base64url" }),
    ),
  );
  const verdict = async (changes: Record<string, unknown>) => {
    const token = await sign({ ...good, ...changes }, keys.signing.signKey, keys.signing.alg);
    const result = await verifier.verify(token, "access");
    return typeof result === "string" ? result : "good";
  };
  const now = Math.floor(clock() / 1000);
  const cases: readonly (readonly [Record<string, unknown>, string])[] = [
    [{}, "good"],
    [{ aud: [good.aud, "other"] }, "good"],
    [{ iat: now + 4 }, "good"],
    [{ iat: now + 60 }, "not_yet_valid"],
    [{ nbf: now + 60 }, "not_yet_valid"],
    [{ nbf: "soon" }, "bad_claims"],
    [{ exp: undefined }, "bad_claims"],
    [{ exp: null }, "bad_claims"],
    [{ exp: String(good.exp) }, "bad_claims"],
    [{ exp: now - 60 }, "expired"],
    [{ iat: undefined }, "bad_claims"],
    [{ iss: "https://evil.example" }, "bad_claims"],
    [{ aud: "https://evil.example" }, "bad_claims"],
    [{ sub: "" }, "bad_claims"],
    [{ sub: 7 }, "bad_claims"],
    [{ jti: undefined }, "bad_claims"],
    [{ sid: "not-a-uuid" }, "bad_claims"],
    [{ token_type: undefined }, "wrong_type"],
    [{ token_type: "ACCESS" }, "wrong_type"],
    [{ token_type: ["access"] }, "wrong_type"],
  ];
  for (const [changes, expected] of cases) {
    assert.equal(await verdict(changes), expected, JSON.stringify(changes));
  }
});

Deno.test("keys rotate and nobody is signed out; a removed key takes its tokens along", async () => {
  const { clock, session, json: oldJson } = await stage("ES256");
  const newJson = await keySet("EdDSA");
  const ring = (...sets: string[]) =>
    importKeyRing(JSON.stringify({ keys: sets.flatMap((set) => JSON.parse(set).keys) }));
  const before = createPairMinter(await ring(oldJson), RULES);
  const old = await before(session, generation(clock));
  const both = await ring(newJson, oldJson);
  const during = createTokenVerifier({ keys: both, rules: RULES, clock });
  assert.equal(typeof await during.verify(old.access, "access"), "object");
  const fresh = await createPairMinter(both, RULES)(session, generation(clock));
  assert.equal(both.signing.alg, "EdDSA");
  assert.equal(typeof await during.verify(fresh.access, "access"), "object");
  const after = createTokenVerifier({ keys: await ring(newJson), rules: RULES, clock });
  assert.equal(await after.verify(old.access, "access"), "unknown_key");
  assert.equal(typeof await after.verify(fresh.access, "access"), "object");
});

Deno.test("a pair is a pure function: minted again, it is the same to the byte", async () => {
  const { clock, session, mint } = await stage();
  const same = generation(clock);
  assert.deepEqual(await mint(session, same), await mint(session, same));
});

Deno.test("POSTERN_KEYS: every mistake is named, no key is repeated", async () => {
  const { json } = await stage();
  const [key] = JSON.parse(json).keys;
  const mistakes: readonly (readonly [unknown, RegExp])[] = [
    ["{", /not valid JSON/],
    ["[]", /^POSTERN_KEYS: must be an object; `deno task keys` prints a new set$/],
    [{}, /^POSTERN_KEYS\.keys: is required \(array\); `deno task keys`/],
    [{ keys: [] }, /^POSTERN_KEYS\.keys: must not be empty; `deno task keys`/],
    [{ keys: [{ ...key, kid: undefined }] }, /keys\[0\]\.kid: is required \(string\);/],
    [{ keys: [{ ...key, kid: 1 }] }, /keys\[0\]\.kid: must be a string;/],
    [{ keys: [{ ...key, alg: undefined }] }, /keys\[0\]\.alg: must be "HS256" or "ES256" or/],
    [{ keys: [{ ...key, alg: "none" }] }, /keys\[0\]\.alg: must be "HS256" or "ES256" or/],
    [{ keys: [{ ...key, d: "§" }] }, /keys\[0\]\.d: must be base64url;/],
    [{ keys: [key, key] }, /used twice/],
    [{ keys: [{ kty: "oct", alg: "HS256", kid: "a", k: "c2hvcnQ" }] }, /secret has \d+ bits/],
    [{ keys: [{ ...key, d: undefined }] }, /needs its private part/],
    [{ keys: [{ ...key, x: "AAAA" }] }, /is not a valid EdDSA key/],
  ];
  for (const [value, message] of mistakes) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    await assert.rejects(importKeyRing(text), (error: unknown) => {
      assert.ok(error instanceof KeyRingError);
      assert.match(error.message, message);
      assert.ok(!error.message.includes(key.d));
      return true;
    });
  }
});
