import { sign } from "hono/jwt";
import type { JWTPayload } from "hono/utils/jwt/types";
import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problems.ts";
import { recordOf } from "../../src/store/rules.ts";
import { createAssertionMinter } from "../../src/tokens/assertion.ts";
import { generateKeySet, importKeyRing, KeyRingError } from "../../src/tokens/key_ring.ts";
import { createPairMinter } from "../../src/tokens/mint.ts";
import { createTokenVerifier } from "../../src/tokens/verify.ts";
import { generation, newSession } from "../store/fixtures.ts";
import { createTestClock } from "../support/clock.ts";

const FILE = {
  origin: "https://app.example.com",
  identity: { kind: "demo" },
  upstreams: { app: { targets: ["http://127.0.0.1:9"] } },
  routes: [{ path: "/*", upstream: "app" }],
};
const { tokens: RULES } = parseConfig(FILE, "dev");
const clock = createTestClock();

/** A key set with names that a test can tell. */
async function keysNamed(...names: string[]): Promise<Record<string, unknown>[]> {
  return await Promise.all(names.map(async (kid) => {
    const [jwk] = (await generateKeySet()).keys;
    return { ...jwk, kid };
  }));
}

const ringOf = (keys: readonly object[]) => importKeyRing(JSON.stringify({ keys }));
const verifyOnly = (key: object | undefined) => ({ ...key, key_ops: ["verify"] });

function headerOf(token: string): Record<string, unknown> {
  const [header = ""] = token.split(".");
  return JSON.parse(
    new TextDecoder().decode(Uint8Array.fromBase64(header, { alphabet: "base64url" })),
  );
}

async function stage() {
  const [k1, k2] = await keysNamed("k1", "k2");
  const ring = await ringOf([k1 ?? {}]);
  const session = recordOf(newSession(clock));
  return {
    k1,
    k2,
    ring,
    mint: createPairMinter(ring, RULES),
    verifier: createTokenVerifier({ keys: ring, rules: RULES, clock }),
    pairOf: (mint: ReturnType<typeof createPairMinter>) => mint(session, generation(clock)),
  };
}

Deno.test("a change of keys in two steps: no instance meets a token that it can not read", async () => {
  const { k1, k2 } = await stage();
  const before = await ringOf([k1 ?? {}]);
  const added = await ringOf([k1 ?? {}, verifyOnly(k2)]);
  const moved = await ringOf([k2 ?? {}, k1 ?? {}]);
  // Old and new instances stand side by side at each step.
  for (const [old, young] of [[before, added], [added, moved]] as const) {
    for (const [signer, reader] of [[old, young], [young, old]] as const) {
      const { pairOf } = await stage();
      const pair = await pairOf(createPairMinter(signer, RULES));
      const verifier = createTokenVerifier({ keys: reader, rules: RULES, clock });
      assert.equal(typeof await verifier.verify(pair.access, "access"), "object");
      assert.equal(typeof await verifier.verify(pair.refresh, "refresh"), "object");
    }
  }
  assert.deepEqual([before, added, moved].map(({ signing }) => signing.kid), ["k1", "k1", "k2"]);
  assert.equal(added.byKid.get("k2")?.signKey, null);
  const first = await ringOf([verifyOnly(k2), k1 ?? {}]);
  assert.equal(first.signing.kid, "k1", "wherever it stands, it does not sign");
  await assert.rejects(ringOf([verifyOnly(k1)]), KeyRingError);
  assert.ok(added.publicJwks.keys.every((key) => !("key_ops" in key) && !("d" in key)));
});

Deno.test("access, refresh and assertion say what they are, and none stands for another", async () => {
  const { ring, mint, verifier, pairOf } = await stage();
  const pair = await pairOf(mint);
  const access = await verifier.verify(pair.access, "access");
  assert.ok(typeof access === "object");
  const mintAssertion = createAssertionMinter({
    keys: ring,
    upstream: "app",
    config: { header: "X-Auth-Assertion", audience: RULES.audience, ttlSeconds: 60, alg: "EdDSA" },
    issuer: RULES.issuer,
    subjectClaim: null,
    clock,
  });
  const assertion = await mintAssertion(access);
  assert.deepEqual(
    [pair.access, pair.refresh, assertion].map((token) => headerOf(token)["typ"]),
    ["at+jwt", "postern-refresh+jwt", "postern-assertion+jwt"],
  );
  const { signKey, alg } = ring.signing;
  for (const kind of ["access", "refresh"] as const) {
    assert.equal(await verifier.verify(assertion, kind), "wrong_type");
    const other = kind === "access" ? pair.refresh : pair.access;
    assert.equal(await verifier.verify(other, kind), "wrong_type");
  }
  // Of before there were kinds: it says "JWT", and is good until it expires.
  const old = await sign({ ...(access.claims as JWTPayload), jti: "old" }, signKey, alg);
  assert.equal(headerOf(old)["typ"], "JWT");
  assert.equal(typeof await verifier.verify(old, "access"), "object");
  const [, payload = ""] = assertion.split(".");
  const claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
  assert.deepEqual(["grp", "cnf"].filter((name) => name in claims), []);
});

Deno.test("a token has one spelling: no unused bit of its signature is free", async () => {
  const { mint, verifier, pairOf } = await stage();
  const { access } = await pairOf(mint);
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(access.at(-1) ?? "");
  for (let value = 0; value < 64; value++) {
    if (value === last) continue;
    const other = access.slice(0, -1) + alphabet[value];
    assert.equal(typeof await verifier.verify(other, "access"), "string", String(value));
  }
  for (const other of [`${access}=`, ` ${access}`, `${access}.x`, access.replace(".", "..")]) {
    assert.equal(await verifier.verify(other, "access"), "malformed");
  }
});

Deno.test("an HMAC key that repeats one or two bytes is refused", async () => {
  const keyOf = (bytes: Uint8Array) => ({
    kid: "k",
    kty: "oct",
    alg: "HS256",
    k: bytes.toBase64({ alphabet: "base64url", omitPadding: true }),
  });
  const rejected = [
    new Uint8Array(32),
    new Uint8Array(64).fill(97),
    Uint8Array.from({ length: 40 }, (_, i) => i % 2),
  ];
  for (const bytes of rejected) {
    await assert.rejects(ringOf([keyOf(bytes)]), /repeats one or two bytes/);
  }
  await ringOf([keyOf(crypto.getRandomValues(new Uint8Array(32)))]);
});

Deno.test("an audience that an upstream has, too, is refused", () => {
  const config = (audience: string, assertion: unknown) =>
    parseConfig({
      ...FILE,
      tokens: { audience },
      upstreams: { app: { targets: ["http://127.0.0.1:9"], assertion } },
    }, "dev");
  assert.throws(() => config("app", true), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /tokens\.audience: "app" is the audience of upstreams\.app/);
    return true;
  });
  assert.throws(() => config("api://x", { audience: "api://x" }), ConfigError);
  config("https://app.example.com", true);
});
