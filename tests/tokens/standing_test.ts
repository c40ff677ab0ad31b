import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/load.ts";
import { recordOf } from "../../src/store/rules.ts";
import { createGroupNames } from "../../src/tokens/groups.ts";
import { importKeyRing } from "../../src/tokens/key_ring.ts";
import { createPairMinter } from "../../src/tokens/mint.ts";
import { createTokenVerifier } from "../../src/tokens/verify.ts";
import { keySet } from "../bench/tokens.ts";
import { generation, newSession } from "../store/fixtures.ts";
import { createTestClock } from "../support/clock.ts";

const { tokens: RULES } = parseConfig({
  origin: "https://app.example.com",
  identity: { kind: "demo" },
  upstreams: { app: { targets: ["http://127.0.0.1:9"] } },
  routes: [{ path: "/*", upstream: "app" }],
}, "dev");

async function stage(overrides: Parameters<typeof newSession>[1] = {}) {
  const clock = createTestClock();
  const keys = await importKeyRing(await keySet("EdDSA"));
  const session = recordOf(newSession(clock, overrides));
  const pair = await createPairMinter(keys, RULES)(session, generation(clock));
  const verifierFor = (rules: typeof RULES) => createTokenVerifier({ keys, rules, clock });
  return { clock, session, pair, verifierFor };
}

Deno.test("an access token ends when the settings of today say so, never later than it says", async () => {
  const { clock, pair, verifierFor } = await stage();
  const short = verifierFor({ ...RULES, accessTtlSeconds: 60 });
  const long = verifierFor({ ...RULES, accessTtlSeconds: 86_400 });
  const seen = await short.verify(pair.access, "access");
  assert.ok(typeof seen === "object");
  assert.equal(seen.expiresAtSeconds, seen.issuedAtSeconds + 60);
  assert.equal(seen.exp, pair.accessExpiresAtSeconds);
  clock.advance(70_000);
  assert.equal(await short.verify(pair.access, "access"), "expired");
  assert.equal(typeof await long.verify(pair.access, "access"), "object");
  assert.equal(typeof await short.verify(pair.refresh, "refresh"), "object");
  clock.advance(RULES.accessTtlSeconds * 1000);
  assert.equal(await long.verify(pair.access, "access"), "expired");
});

Deno.test("access tokens carry the groups of their session; others know their subject's", async () => {
  const groups = ["own", "provider"];
  const { pair, session, verifierFor } = await stage({ groups });
  const verifier = verifierFor(RULES);
  const access = await verifier.verify(pair.access, "access");
  assert.ok(typeof access === "object");
  assert.deepEqual(access.groups, groups);
  const refresh = await verifier.verify(pair.refresh, "refresh");
  assert.ok(typeof refresh === "object");
  const name = await createGroupNames(RULES.issuer)("subject", session.subject);
  assert.deepEqual(refresh.groups, [name]);
});

Deno.test("a key that an identity source claims is none; a bound session's is in its tokens", async () => {
  const claims = { scope: "read", cnf: { jkt: "forged", by: "dpop" }, grp: ["forged"] };
  const free = await stage({ claims });
  const access = await free.verifierFor(RULES).verify(free.pair.access, "access");
  assert.ok(typeof access === "object");
  assert.equal(access.bound, null);
  assert.ok(!access.groups.includes("forged"));
  const bound = { jkt: "thumbprint", by: "dpop" } as const;
  const held = await stage({ claims, bound });
  const token = await held.verifierFor(RULES).verify(held.pair.access, "access");
  assert.ok(typeof token === "object");
  assert.deepEqual(token.bound, bound);
});

Deno.test("names of groups are apart by kind, parts and issuer, and stay the same", async () => {
  const name = createGroupNames("https://a.example");
  const other = createGroupNames("https://b.example");
  const names = await Promise.all([
    name("subject", "x"),
    name("provider", "x"),
    name("provider_session", "x", "y"),
    name("provider_session", "xy"),
    name("provider_session", "x,y"),
    other("subject", "x"),
  ]);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.every((each) => /^[A-Za-z0-9_-]{22}$/.test(each)), names.join());
  assert.equal(await createGroupNames("https://a.example")("subject", "x"), names[0]);
});
