import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/load.ts";
import { createRevocationView } from "../../src/sessions/revocation_view.ts";
import { createSessions } from "../../src/sessions/sessions.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import { importKeyRing } from "../../src/tokens/key_ring.ts";
import { createPairMinter } from "../../src/tokens/mint.ts";
import { createTokenVerifier } from "../../src/tokens/verify.ts";
import { keySet } from "../bench/tokens.ts";
import { createTestClock } from "../support/clock.ts";

const { tokens: config } = parseConfig({
  origin: "https://app.example.com",
  identity: { kind: "demo" },
  upstreams: { app: { targets: ["http://127.0.0.1:9"] } },
  routes: [{ path: "/*", upstream: "app" }],
}, "dev");

async function stage() {
  const clock = createTestClock();
  const store = createMemoryStore({ clock });
  const keys = await importKeyRing(await keySet("EdDSA"));
  const view = createRevocationView({
    store,
    clock,
    pollIntervalMs: 3_600_000,
    maxStalenessMs: 7_200_000,
  });
  const verifier = createTokenVerifier({ keys, rules: config, clock });
  const sessions = createSessions({
    store,
    view,
    verifier,
    mintPair: createPairMinter(keys, config),
    clock,
    config,
    recheck: null,
    recheckSealed: null,
    verifyElsewhere: null,
  });
  const device = { userAgent: "test", ip: "192.0.2.1" };
  const open = async (subject: string, groups: readonly string[] = []) => {
    clock.advance(10);
    const admitted = { subject, claims: {}, groups, sinceMs: clock() };
    const opened = await sessions.open(admitted, { device });
    assert.ok(opened.kind === "opened");
    const { session, pair } = opened.signedIn;
    const token = await verifier.verify(pair.access, "access");
    assert.ok(typeof token === "object");
    return { session, token };
  };
  return { clock, sessions, view, open };
}

Deno.test("whatever ends a session holds here at once, and for no other", async () => {
  const { clock, sessions, view, open } = await stage();
  const provider = await sessions.nameGroup("provider", "work");
  const ada = await open("ada");
  const adaToo = await open("ada");
  const bob = await open("bob", [provider]);
  const carol = await open("carol");
  const all = [ada, adaToo, bob, carol];
  const standing = () => all.map(({ token }) => !view.isRevoked(token));

  assert.equal(await sessions.end({ sid: ada.session.sid }), true);
  assert.deepEqual(standing(), [false, true, true, true]);
  assert.equal(await sessions.end({ sid: ada.session.sid }), false, "it had ended before");
  assert.equal(await sessions.end({ group: provider }), true);
  assert.deepEqual(standing(), [false, true, false, true]);
  assert.equal(await sessions.end({ jti: carol.token.jti }), true);
  assert.deepEqual(standing(), [false, true, false, false]);
  assert.equal(await sessions.end({ subject: "ada" }), true);
  assert.deepEqual(standing(), [false, false, false, false]);
  for (const { token } of all) assert.equal(await sessions.status(token), "revoked");
  const young = await open("ada");
  assert.equal(view.isRevoked(young.token), false);
  assert.equal(await sessions.status(young.token), "live");
  assert.ok(clock() > 0);
});

Deno.test("the emergency brake reaches what was opened before a time, and none that comes after", async () => {
  const { clock, sessions, view, open } = await stage();
  const old = await open("ada");
  clock.advance(60_000);
  const between = clock();
  const young = await open("bob");
  await sessions.end({ issuedBeforeMs: between });
  assert.deepEqual([old, young].map(({ token }) => view.isRevoked(token)), [true, false]);
  await sessions.end({ issuedBeforeMs: clock() + 100 * 365 * 86_400_000 });
  assert.equal(view.isRevoked(young.token), true);
  const next = await open("ada");
  assert.equal(view.isRevoked(next.token), false);
  assert.ok(Math.abs(next.session.createdAtMs - clock()) < 60_000, "born now, not in a century");
});

Deno.test("whoever ends one access token after another fills no list with them", async () => {
  const { clock, sessions, view, open } = await stage();
  const { token, session } = await open("ada");
  const bystander = await open("ada");
  const ended: string[] = [];
  for (let index = 0; index < 200; index++) {
    const each = { ...token, jti: `token ${index}` };
    ended.push(await sessions.endAccess(each));
    assert.equal(await sessions.endAccess(each), ended.at(-1), "and once more, for a lost answer");
    assert.equal(view.isRevoked(each), true);
    clock.advance(100);
  }
  assert.deepEqual([...new Set(ended.slice(0, 20))], ["token"]);
  assert.deepEqual([...new Set(ended.slice(20))], ["session"]);
  assert.ok(view.size() <= 21, `${view.size()} entries`);
  assert.equal(await sessions.read(session.sid), null);
  assert.equal(view.isRevoked(bystander.token), false);
});
