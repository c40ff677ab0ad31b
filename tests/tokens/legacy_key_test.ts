import fc from "fast-check";
import assert from "node:assert/strict";
import { sign, verify } from "hono/jwt";
import { KeyRingError } from "../../src/tokens/key_ring.ts";
import { createLegacyCheck, importLegacyKey } from "../../src/tokens/legacy.ts";
import type { LegacyConfig } from "../../src/tokens/legacy.ts";
import { createTokenVerifier } from "../../src/tokens/verify.ts";
import { testKeys } from "../support/gateway.ts";

const SECRET = "django-insecure-0123456789abcdef0123456789";
const config = (alg: LegacyConfig["alg"]): LegacyConfig => ({
  alg,
  userIdClaim: "user_id",
  issuer: null,
  audience: null,
  claims: {},
  verifyUrl: null,
});

Deno.test("a line end behind the key is not part of it", async () => {
  const token = await sign({ user_id: 1 }, SECRET);
  for (const text of [SECRET, `${SECRET}\n`, `${SECRET}\r\n`]) {
    const { verifyKey, alg } = await importLegacyKey(config("HS256"), text);
    assert.deepEqual(await verify(token, verifyKey, alg), { user_id: 1 });
  }
});

Deno.test("whatever JSON the old key has signed is a token or none, and never a throw", async () => {
  const key = await importLegacyKey(config("HS256"), SECRET);
  const rules = {
    clockToleranceSeconds: 5,
    accessTtlSeconds: 600,
    refreshTtlSeconds: 6_000,
    sessionMaxAgeSeconds: 60_000,
  };
  const verifier = createTokenVerifier({
    keys: (await testKeys()).ring,
    rules: { ...rules, issuer: "us", audience: "us" },
    clock: Date.now,
    legacy: { key, check: createLegacyCheck(config("HS256"), rules, ["work"]) },
  });
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom("access", "refresh", 1, 1e300, -1, "5"));
  const payload = fc.oneof(
    fc.jsonValue(),
    fc.record({
      user_id: value,
      token_type: value,
      jti: value,
      iat: fc.oneof(value, fc.constant(Math.floor(Date.now() / 1000))),
      exp: fc.oneof(value, fc.constant(4e9)),
      nbf: value,
      iss: value,
      aud: value,
    }, { requiredKeys: [] }),
  );
  await fc.assert(
    fc.asyncProperty(payload, async (said) => {
      const token = await sign(said as Record<string, unknown>, SECRET);
      for (const type of ["access", "refresh"] as const) {
        const result = await verifier.verify(token, type);
        if (typeof result === "string") continue;
        assert.ok(result.isLegacy && result.type === type && result.subject !== "");
      }
    }),
    { numRuns: 300, examples: [[null], [0], [[]], ["x"], [false]] },
  );
});

Deno.test("a key in quotes is refused with a word about them", async () => {
  for (const text of [`"${SECRET}"`, `'${SECRET}'\n`]) {
    await assert.rejects(importLegacyKey(config("HS256"), text), (error: unknown) => {
      assert.ok(error instanceof KeyRingError);
      assert.match(error.message, /POSTERN_LEGACY_KEY: stands in quotes/);
      assert.ok(!error.message.includes(SECRET));
      return true;
    });
  }
});

Deno.test("a PEM whose line ends are written out is a PEM", async () => {
  const { publicKey } = await crypto.subtle.generateKey(
    { name: "ECDSA", namedCurve: "P-256" },
    true,
    ["sign", "verify"],
  );
  const der = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey)).toBase64();
  for (const end of ["\n", "\r\n", "\\n"]) {
    const pem = [
      "-----BEGIN PUBLIC KEY-----",
      der.slice(0, 64),
      der.slice(64),
      "-----END PUBLIC KEY-----",
      "",
    ];
    const key = await importLegacyKey(config("ES256"), pem.join(end));
    assert.equal(key.alg, "ES256");
  }
});
