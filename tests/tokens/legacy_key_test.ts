import assert from "node:assert/strict";
import { sign, verify } from "hono/jwt";
import { KeyRingError } from "../../src/tokens/key_ring.ts";
import { importLegacyKey } from "../../src/tokens/legacy.ts";
import type { LegacyConfig } from "../../src/tokens/legacy.ts";

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
