/** DPoP proofs: what the `dpop` package makes is accepted, and each check of RFC 9449 §4.3 has its name. */
import assert from "node:assert/strict";
import * as DPoP from "dpop";
import fc from "fast-check";
import { exportJWK, generateKeyPair } from "jose";
import { createDpop, type Dpop, type DpopRequest } from "../../src/binding/dpop.ts";
import type { DpopOptions } from "../../src/binding/options.ts";
import { createTestClock } from "../support/clock.ts";
import { es256, type Handmade, handmade, hmacKeys } from "./keys.ts";

const ORIGIN = "https://app.example.com";
const REQUEST: DpopRequest = { method: "GET", origin: ORIGIN, path: "/api/things" };
const HTU = `${ORIGIN}/api/things`;
const TOKEN = "an.access.token";

async function setUp(changed: Partial<DpopOptions> = {}) {
  const clock = createTestClock();
  const dpop = createDpop({
    options: {
      requireNonce: false,
      proofAgeSeconds: 60,
      clockToleranceSeconds: 5,
      replayEntries: 1_000,
      ...changed,
    },
    hmacKeys: await hmacKeys("one", "two"),
    clock,
  });
  return { dpop, clock };
}

async function failure(dpop: Dpop, header: string | null, request = REQUEST): Promise<string> {
  const outcome = await dpop.check(header, request);
  return outcome.kind === "refused" ? outcome.failure : outcome.kind;
}

/** A proof that is good but for what the test changes. */
async function proofOf(what: Handmade, pair?: CryptoKeyPair): Promise<string> {
  return await handmade(pair ?? await es256(), {
    header: { typ: "dpop+jwt", ...what.header },
    payload: {
      jti: crypto.randomUUID(),
      htm: "GET",
      htu: HTU,
      iat: Math.floor(Date.now() / 1000),
      ...what.payload,
    },
  });
}

for (const alg of ["ES256", "Ed25519"] as const) {
  Deno.test(`a proof of the dpop package with ${alg} is accepted, with the thumbprint that it says`, async () => {
    const { dpop } = await setUp();
    const pair = await DPoP.generateKeyPair(alg);
    const proof = await DPoP.generateProof(pair, HTU, "GET", undefined, TOKEN);
    const jkt = await DPoP.calculateThumbprint(pair.publicKey);
    assert.deepEqual(await dpop.check(proof, { ...REQUEST, accessToken: TOKEN, jkt }), {
      kind: "proven",
      jkt,
      nonce: null,
    });
  });
}

Deno.test("each refusal of RFC 9449 §4.3 has a name", async (t) => {
  const { dpop, clock } = await setUp();
  const pair = await es256();
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const now = Math.floor(clock() / 1000);
  const good = await proofOf({}, pair);
  const [head, body] = good.split(".");
  const other = await proofOf({}, await es256());
  const cases: Readonly<Record<string, readonly [string, string | null]>> = {
    "no proof": ["missing", null],
    "1: two headers": ["several", `${good}, ${other}`],
    "2: not a JWT": ["malformed", "not-a-jwt"],
    "2: two parts": ["malformed", `${head}.${body}`],
    "2: five parts": ["malformed", `${good}.e30.e30`],
    "2: a header that is not JSON": ["malformed", `bm8.${body}.${good.split(".")[2]}`],
    "2: a header that is a list": ["malformed", `W10.${body}.${good.split(".")[2]}`],
    "2: too long": ["malformed", `${good}${"A".repeat(5_000)}`],
    "2: a critical extension": ["malformed", await proofOf({ header: { crit: ["b64"] } })],
    "3: no jti": ["missing_claim", await proofOf({ payload: { jti: undefined } })],
    "3: an empty jti": ["missing_claim", await proofOf({ payload: { jti: "" } })],
    "3: an endless jti": ["missing_claim", await proofOf({ payload: { jti: "x".repeat(300) } })],
    "3: a jti that is a number": ["missing_claim", await proofOf({ payload: { jti: 1 } })],
    "3: no htm": ["missing_claim", await proofOf({ payload: { htm: undefined } })],
    "3: no htu": ["missing_claim", await proofOf({ payload: { htu: undefined } })],
    "3: an iat in words": ["missing_claim", await proofOf({ payload: { iat: String(now) } })],
    "4: another type": ["wrong_type", await proofOf({ header: { typ: "JWT" } })],
    "4: the type of a browser's proof": [
      "wrong_type",
      await proofOf({ header: { typ: "dbsc+jwt" } }),
    ],
    "5: none": ["unsupported_algorithm", await proofOf({ header: { alg: "none" } })],
    "5: symmetric": ["unsupported_algorithm", await proofOf({ header: { alg: "HS256" } })],
    "5: not on the list": ["unsupported_algorithm", await proofOf({ header: { alg: "RS256" } })],
    "6: signed by another key": [
      "bad_signature",
      await proofOf({ header: { jwk: await exportJWK((await es256()).publicKey) } }),
    ],
    "6: another payload": [
      "bad_signature",
      `${head}.${other.split(".")[1]}.${good.split(".")[2]}`,
    ],
    "7: a private key": [
      "private_key",
      await proofOf({ header: { jwk: await exportJWK(privateKey) } }),
    ],
    "7: no key": ["invalid_key", await proofOf({ header: { jwk: undefined } })],
    "7: a symmetric key": [
      "private_key",
      await proofOf({ header: { jwk: { kty: "oct", k: "AAAA" } } }),
    ],
    "7: another curve's name": [
      "invalid_key",
      await proofOf({
        header: { jwk: { ...await exportJWK(pair.publicKey), crv: "P-384" } },
      }),
    ],
    "8: another method": ["method_mismatch", await proofOf({ payload: { htm: "POST" } })],
    "8: the method in lower case": ["method_mismatch", await proofOf({ payload: { htm: "get" } })],
    "9: another host": [
      "uri_mismatch",
      await proofOf({ payload: { htu: "https://evil.example/api/things" } }),
    ],
    "9: another scheme": [
      "uri_mismatch",
      await proofOf({ payload: { htu: "http://app.example.com/api/things" } }),
    ],
    "9: another path": ["uri_mismatch", await proofOf({ payload: { htu: `${ORIGIN}/api/other` } })],
    "9: another port": [
      "uri_mismatch",
      await proofOf({ payload: { htu: `${ORIGIN}:8443/api/things` } }),
    ],
    "9: a user in front of the host": [
      "uri_mismatch",
      await proofOf({ payload: { htu: "https://me@app.example.com/api/things" } }),
    ],
    "9: not a URI": ["uri_mismatch", await proofOf({ payload: { htu: "/api/things" } })],
    "11: too old": ["too_old", await proofOf({ payload: { iat: now - 62 } })],
    "11: in the future": ["in_future", await proofOf({ payload: { iat: now + 8 } })],
  };
  for (const [name, [expected, header]] of Object.entries(cases)) {
    await t.step(name, async () => assert.equal(await failure(dpop, header), expected));
  }
});

Deno.test("a key that is no point of its curve proves nothing", async () => {
  const { dpop } = await setUp();
  const jwk = { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) };
  // Some runtimes see it at the import, others at the signature.
  assert.match(
    await failure(dpop, await proofOf({ header: { jwk } })),
    /^(invalid_key|bad_signature)$/,
  );
});

Deno.test("12: with a token, the proof must be by the token's key and name the token", async () => {
  const { dpop } = await setUp();
  const pair = await DPoP.generateKeyPair("ES256");
  const jkt = await DPoP.calculateThumbprint(pair.publicKey);
  const request = { ...REQUEST, accessToken: TOKEN, jkt };
  const prove = (token?: string, by: DPoP.KeyPair = pair) =>
    DPoP.generateProof(by, HTU, "GET", undefined, token);
  assert.equal(await failure(dpop, await prove(), request), "missing_claim");
  assert.equal(await failure(dpop, await prove("another.access.token"), request), "token_mismatch");
  const thief = await DPoP.generateKeyPair("ES256");
  assert.equal(await failure(dpop, await prove(TOKEN, thief), request), "key_mismatch");
  assert.equal(await failure(dpop, await prove(TOKEN), request), "proven");
});

Deno.test("query, fragment, default port, case and escapes make no other URI", async () => {
  const { dpop } = await setUp();
  const ways = [
    `${HTU}?q=1#there`,
    "https://APP.example.com:443/api/things",
    "HTTPS://app.example.com/api/th%69ngs",
    "https://app.example.com/api/./things",
  ];
  for (const htu of ways) {
    assert.equal(await failure(dpop, await proofOf({ payload: { htu } })), "proven", htu);
  }
  const escaped = await proofOf({ payload: { htu: `${ORIGIN}/caf%c3%a9` } });
  assert.equal(await failure(dpop, escaped, { ...REQUEST, path: "/caf%C3%A9" }), "proven");
});

Deno.test("a proof is good once, and only its own client can spend its jti", async () => {
  const { dpop, clock } = await setUp();
  const payload = { jti: "the same" };
  const mine = await proofOf({ payload });
  assert.equal(await failure(dpop, mine), "proven");
  assert.equal(await failure(dpop, mine), "replayed");
  assert.equal(await failure(dpop, await proofOf({ payload })), "proven", "another key, same jti");
  clock.advance(70_000);
  assert.equal(await failure(dpop, mine), "too_old", "forgotten only when it has expired");
});

Deno.test("a request that is refused for another reason does not spend its proof", async () => {
  const { dpop } = await setUp();
  const proof = await proofOf({});
  assert.equal(await failure(dpop, proof, { ...REQUEST, method: "POST" }), "method_mismatch");
  assert.equal(await failure(dpop, proof, { ...REQUEST, jkt: "another" }), "key_mismatch");
  assert.equal(await failure(dpop, proof), "proven");
});

Deno.test("on a strict route a proof is good once among all instances", async () => {
  const seen = new Set<string>();
  const once = (key: string) => Promise.resolve(!seen.has(key) && seen.add(key) !== undefined);
  const proof = await proofOf({});
  const [first, second] = [(await setUp()).dpop, (await setUp()).dpop];
  assert.equal((await first.check(proof, REQUEST, once)).kind, "proven");
  assert.deepEqual(await second.check(proof, REQUEST, once), {
    kind: "refused",
    failure: "replayed",
    nonce: null,
  });
  assert.doesNotMatch([...seen].join(), /\./, "nothing that a client wrote becomes a key");
});

Deno.test("with nonces: asked for, good for minutes whatever the client's clock says, then stale", async () => {
  const { dpop, clock } = await setUp({ requireNonce: true });
  const first = await dpop.check(await proofOf({}), REQUEST);
  assert.ok(first.kind === "refused" && first.failure === "nonce_missing");
  const { nonce } = first;
  assert.ok(nonce !== null);
  const wrongClock = { iat: 12_345 };
  const answered = await dpop.check(
    await proofOf({ payload: { nonce, ...wrongClock } }),
    REQUEST,
  );
  assert.deepEqual([answered.kind, answered.nonce], ["proven", null]);

  clock.advance(200_000);
  const later = await dpop.check(await proofOf({ payload: { nonce } }), REQUEST);
  assert.equal(later.kind, "proven");
  assert.ok(later.nonce !== null && later.nonce !== nonce, "the next one rides on the answer");

  clock.advance(200_000);
  assert.equal(await failure(dpop, await proofOf({ payload: { nonce } })), "nonce_stale");
  const invented = { nonce: "A".repeat(43) };
  assert.equal(await failure(dpop, await proofOf({ payload: invented })), "nonce_stale");
});

Deno.test("a nonce outlives the rotation of the key ring", async () => {
  const options = {
    requireNonce: true,
    proofAgeSeconds: 60,
    clockToleranceSeconds: 5,
    replayEntries: 10,
  };
  const clock = createTestClock();
  const before = createDpop({ options, hmacKeys: await hmacKeys("old"), clock });
  const after = createDpop({ options, hmacKeys: await hmacKeys("new", "old"), clock });
  const removed = createDpop({ options, hmacKeys: await hmacKeys("new"), clock });
  const { nonce } = await before.check(null, REQUEST).then(() => before.check("x", REQUEST));
  assert.equal(nonce, null, "a new nonce would not help a proof that is broken");
  const asked = await before.check(await proofOf({}), REQUEST);
  const proof = () => proofOf({ payload: { nonce: asked.nonce } });
  assert.equal(await failure(after, await proof()), "proven");
  assert.equal(await failure(removed, await proof()), "nonce_stale");
});

Deno.test("whatever the header holds, the check answers with a name", async () => {
  const { dpop } = await setUp();
  const good = await proofOf({});
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.array(fc.base64String(), { minLength: 2, maxLength: 4 }).map((parts) => parts.join(".")),
    fc.record({ at: fc.nat(good.length - 1), by: fc.string({ minLength: 1, maxLength: 1 }) })
      .map(({ at, by }) => good.slice(0, at) + by + good.slice(at + 1))
      .filter((mutant) => mutant !== good),
  );
  await fc.assert(
    fc.asyncProperty(text, async (header) => {
      assert.notEqual(await failure(dpop, header), "proven");
    }),
    { numRuns: 400 },
  );
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (jwk, claim) => {
      const proof = await proofOf({ header: { jwk }, payload: { htu: claim } });
      assert.notEqual(await failure(dpop, proof), "proven");
    }),
    { numRuns: 200 },
  );
});
