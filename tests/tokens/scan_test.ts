import fc from "fast-check";
import assert from "node:assert/strict";
import { sign } from "hono/jwt";
import { decodeBase64url, isCanonicalBase64url } from "../../src/tokens/base64url.ts";
import { createTokenScanner, holdsCsrfShaped } from "../../src/tokens/scan.ts";
import { countSteps } from "../support/steps.ts";

const ISSUER = "https://app.example.com";
const times = { iat: 1_700_000_000, exp: 1_700_001_800 };
const secret = "0123456789abcdef0123456789abcdef";
const access = await sign(
  {
    iss: ISSUER,
    aud: ISSUER,
    sub: "ada",
    sid: "s".repeat(36),
    jti: "j".repeat(22),
    ...times,
    token_type: "access",
  },
  secret,
);
const legacyRefresh = await sign(
  { token_type: "refresh", ...times, jti: "f".repeat(32), user_id: 1 },
  secret,
);
const foreign = await sign(
  { iss: "https://accounts.example.org", aud: "other", sub: "ada", jti: "j".repeat(40), ...times },
  secret,
);
const csrf = `v1.${"c".repeat(43)}`;

const scanner = createTokenScanner({ issuer: ISSUER, legacy: null });
const withLegacy = createTokenScanner({
  issuer: ISSUER,
  legacy: { userIdClaim: "user_id", issuer: null },
});

/** Ways to carry a token that were seen, or could be. */
const WRAPS: readonly ((token: string) => string)[] = [
  (token) => token,
  (token) => `Bearer ${token}`,
  (token) => `chat.v1, ${token}`,
  (token) => `chat.v1.${token}`,
  (token) => `"${token}"`,
  (token) => `x${token}y`,
  (token) => `prefix.${token}.suffix`,
  (token) => `?a=1&t=${token}&b=2`,
  (token) => `/public/${token}/x`,
  (token) => token.replaceAll(".", "%2E"),
  (token) => token.replaceAll(".", "%252e"),
  (token) => Array.from(token, (each) => `%${each.charCodeAt(0).toString(16)}`).join(""),
  (token) => `{"t":"${token.replaceAll("eyJ", "\\u0065yJ")}"}`,
  (token) => `"${token.replaceAll(".", "\\x2e")}"`,
  (token) =>
    Array.from(token, (each) => `\\u00${each.charCodeAt(0).toString(16).padStart(2, "0")}`).join(
      "",
    ),
  (token) => `a=b; t=${token}; c=d`,
  (token) => `{"token":"${token}"}`,
  (token) => `Basic ${btoa(`user:${token}`)}`,
  (token) => `Basic ${btoa(`${token}:x-oauth-basic`)}`,
  (token) => `base64url.bearer.authorization.k8s.io.${btoa(token).replaceAll("=", "")}, chat.v1`,
  (token) => `https://app.example.com/cb#access_token=${token}&x`,
];

Deno.test("a token of ours is found wherever it stands", () => {
  for (const wrap of WRAPS) {
    assert.ok(scanner.holdsOurs(wrap(access)), wrap(access));
    assert.ok(withLegacy.holdsOurs(wrap(legacyRefresh)), wrap(legacyRefresh));
    assert.ok(!scanner.holdsOurs(wrap(legacyRefresh)), "without tokens.legacy it is no credential");
    assert.ok(!withLegacy.holdsOurs(wrap(foreign)), wrap(foreign));
  }
  assert.ok(!scanner.holdsOurs(access.slice(0, access.lastIndexOf("."))), "half a token");
  assert.ok(!scanner.holdsOurs(""));
  assert.ok(
    createTokenScanner({ issuer: ISSUER, legacy: { userIdClaim: "user_id", issuer: "django" } })
      .holdsOurs(access),
  );
});

Deno.test("a token of ours is found between any other text", () => {
  const noise = fc.string({ unit: fc.constantFrom(..."eyJ.%2E ,;=\"'/-_aZ0{}"), maxLength: 30 });
  const separator = fc.constantFrom(" ", ",", ";", "=", "/", '"', "%20");
  fc.assert(
    fc.property(noise, separator, separator, noise, (before, open, close, after) => {
      const text = before + open + access + close + after;
      assert.ok(scanner.holdsOurs(text), text);
      assert.ok(!scanner.redact(text).includes(access.split(".")[1] ?? "?"), text);
      assert.ok(!scanner.holdsOurs(before + open + foreign + close + after));
    }),
    { numRuns: 3_000, seed: 1 },
  );
});

Deno.test("a list loses the members that hold our tokens, and nothing else", () => {
  assert.equal(scanner.withoutOurs("a=1; b=2", ";"), "a=1; b=2");
  assert.equal(scanner.withoutOurs(`a=1; t=${access}; b=2`, ";"), "a=1; b=2");
  assert.equal(scanner.withoutOurs(`chat.v1, ${access}`, ","), "chat.v1");
  assert.equal(scanner.withoutOurs(access, "|"), null);
  assert.equal(scanner.withoutOurs(`t=${foreign}; u=${access}`, ";"), `t=${foreign}`);
});

Deno.test("a log line keeps no token, whoever signed it, and no CSRF token", () => {
  for (const wrap of WRAPS) {
    for (const token of [access, foreign]) {
      const redacted = scanner.redact(wrap(token));
      assert.ok(!redacted.includes(token.split(".")[1]?.slice(4) ?? "?"), redacted);
      // Wrapped in base64 the middle of it would still be readable.
      if (token === access) assert.ok(redacted.includes("[token]"), redacted);
    }
  }
  assert.equal(scanner.redact(`/public/${access}/x`), "/public/[token]/x");
  assert.equal(scanner.redact(`/p?csrf=${csrf}&a`), "/p?csrf=[token]&a");
  assert.equal(scanner.redact(`/p/${access.replaceAll(".", "%2e")}?${csrf}`), "/p/[token]?[token]");
  const plain = "/an/ordinary/path/that/is/long/enough/to/be/looked/at?v1.0=eyJ.eyJ.x%zz";
  assert.equal(scanner.redact(plain), plain);
});

Deno.test("what is shaped like a CSRF token is seen, encoded or not", () => {
  assert.ok(holdsCsrfShaped(csrf));
  assert.ok(holdsCsrfShaped(`a=${csrf}`));
  assert.ok(holdsCsrfShaped(`v1%2e${"c".repeat(43)}`));
  assert.ok(holdsCsrfShaped(`v1.v1.${"c".repeat(43)}`));
  assert.ok(!holdsCsrfShaped(`v1.${"c".repeat(42)}`));
  assert.ok(!holdsCsrfShaped("v1.2.3"));
});

/** Texts that made the old matcher go back and forth. */
const HOSTILE: Readonly<Record<string, string>> = {
  "starts of JSON": "eyJ",
  "starts of JSON with dots": "eyJ.",
  "short payloads": "eyJhIjoxfQ.",
  "payloads that are no JSON": `${"eyJpc3MiO".padEnd(104, "A")}9.`,
  "payloads that end well": `${btoa(`{"iss":${"x".repeat(78)}}`).replaceAll("=", "")}.`,
  dots: ".",
  letters: "a",
  percents: "%25",
  backslashes: "\\",
  "escapes of scripts": "\\u005c",
  "percents within percents": "%2525",
  "CSRF versions": "v1.",
  "CSRF almost": `v1.${"c".repeat(42)}`,
  "tokens of others": `${foreign} `,
  ours: `${access} `,
  "ours in a row": `${access}.`,
  members: "a=1;",
};

Deno.test("scanning takes time that grows with the length, not its square", () => {
  for (const [name, piece] of Object.entries(HOSTILE)) {
    const text = (length: number) => piece.repeat(Math.ceil(length / piece.length));
    const scan = (length: number) => {
      const hostile = text(length);
      return countSteps(() => {
        scanner.holdsOurs(hostile);
        withLegacy.redact(hostile);
        holdsCsrfShaped(hostile);
        scanner.withoutOurs(hostile, ";");
      });
    };
    const small = scan(16 * 1024);
    const large = scan(64 * 1024);
    assert.ok(large < small * 4.5 + 2_000, `${name}: ${small} steps for 16 KiB, ${large} for 64`);
    assert.ok(large < 64 * 1024 * 100, `${name}: ${large} steps`);
  }
});

Deno.test("base64url has one spelling", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
      assert.ok(isCanonicalBase64url(text));
      assert.deepEqual(decodeBase64url(text), new Uint8Array(bytes));
      // Another last character either means other bytes or is refused.
      for (const other of "ABQgwx_-") {
        const changed = text.slice(0, -1) + other;
        if (text === "" || changed === text || !isCanonicalBase64url(changed)) continue;
        assert.notDeepEqual(decodeBase64url(changed), new Uint8Array(bytes));
      }
    }),
  );
  for (const text of ["A", "AB", "AAB", "AA==", "A+AA", "A/AA", "AAAAA", "\u00e9AAA", "AA A"]) {
    assert.equal(decodeBase64url(text), null, text);
  }
});
