/** Proofs of device-bound sessions, and the challenges that they answer. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { calculateJwkThumbprint, exportJWK } from "jose";
import { type ChallengePurpose, createChallenges } from "../../src/binding/challenge.ts";
import { createDeviceProofs, sessionIdentifier } from "../../src/binding/device.ts";
import type { PublicJwk } from "../../src/binding/public_key.ts";
import { createOnce } from "../../src/sessions/once.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import { createTestClock } from "../support/clock.ts";
import { es256, handmade, hmacKeys } from "./keys.ts";

const REQUEST = { origin: "https://app.example.com", sid: "sid-1", refreshJti: "jti-1" };

async function setUp(...secrets: string[]) {
  const clock = createTestClock();
  const challenges = createChallenges({
    hmacKeys: await hmacKeys(...(secrets.length === 0 ? ["one"] : secrets)),
    lifeSeconds: { register: 300, refresh: 600 },
    clockToleranceSeconds: 5,
    clock,
  });
  const proofs = createDeviceProofs({
    challenges,
    clock,
    lifeSeconds: 600,
    replayEntries: 100,
    once: createOnce(createMemoryStore({ clock }), clock),
  });
  return { challenges, proofs, clock };
}

async function publicPart(pair: CryptoKeyPair): Promise<{ jwk: PublicJwk; jkt: string }> {
  const { kty, crv, x, y } = await exportJWK(pair.publicKey);
  const jwk = { kty, crv, x, y } as PublicJwk;
  return { jwk, jkt: await calculateJwkThumbprint({ ...jwk }) };
}

/** As Chromium signs: the key in the header at registration, none at refresh. */
function sign(pair: CryptoKeyPair, jti: unknown, header: Record<string, unknown> = {}) {
  return handmade(pair, { header: { typ: "dbsc+jwt", ...header }, payload: { jti } });
}

Deno.test("a registration proves the key that it brings along", async () => {
  const { challenges, proofs } = await setUp();
  const pair = await es256();
  const { jwk, jkt } = await publicPart(pair);
  const challenge = await challenges.issue({ act: "register", ...REQUEST });
  const proof = await sign(pair, challenge);
  assert.deepEqual(await proofs.checkRegistration(proof, REQUEST), { kind: "proven", jkt, jwk });
  assert.deepEqual(await proofs.checkRegistration(proof, REQUEST), {
    kind: "refused",
    failure: "replayed",
  });
  const next = await sign(pair, await challenges.issue({ act: "register", ...REQUEST }));
  const quoted = await proofs.checkRegistration(`"${next}"`, REQUEST);
  assert.deepEqual(quoted, { kind: "proven", jkt, jwk });
});

Deno.test("a refresh proves the key that the session is bound to, and no other", async () => {
  const { challenges, proofs, clock } = await setUp();
  const [owner, thief] = [await es256(), await es256()];
  const bound = await publicPart(owner);
  const stolen = await publicPart(thief);
  const request = { ...REQUEST, jkt: bound.jkt };
  const identifier = sessionIdentifier("sid-1", bound.jwk);
  const noKey = { jwk: undefined };
  const challenge = await challenges.issue({ act: "refresh", ...REQUEST });
  const refresh = async (proof: string | null, id: string | null = identifier) => {
    const outcome = await proofs.checkRefresh(proof, id, request);
    return outcome.kind === "refused" ? outcome.failure : outcome.kind;
  };
  assert.equal(await refresh(await sign(owner, challenge, noKey)), "proven");
  // Another signature for the same challenge is the same answer.
  assert.equal(await refresh(await sign(owner, challenge, noKey)), "replayed");
  const second = await challenges.issue({ act: "refresh", ...REQUEST });
  assert.notEqual(second, challenge, "made in the same moment");
  assert.equal(await refresh(await sign(owner, second, noKey), `"${identifier}"`), "proven");
  assert.equal(await refresh(null), "missing");
  assert.equal(await refresh(await sign(owner, challenge, noKey), null), "unknown_session");
  assert.equal(await refresh(await sign(owner, challenge, noKey), "sid-1.e30"), "unknown_session");
  assert.equal(
    await refresh(await sign(owner, challenge, noKey), sessionIdentifier("sid-2", bound.jwk)),
    "unknown_session",
  );
  // The thief's own key, named in the identifier, is not the one that the session is bound to.
  assert.equal(
    await refresh(await sign(thief, challenge, noKey), sessionIdentifier("sid-1", stolen.jwk)),
    "key_mismatch",
  );
  // Where nobody knows the thumbprint here, the store holds it against the record.
  assert.deepEqual(
    await proofs.checkRefresh(
      await sign(thief, await challenges.issue({ act: "refresh", ...REQUEST }), noKey),
      sessionIdentifier("sid-1", stolen.jwk),
      { ...REQUEST, jkt: null },
    ),
    { kind: "proven", ...stolen },
  );
  assert.equal(await refresh(await sign(thief, challenge, noKey)), "bad_signature");
  assert.equal(await refresh(await sign(thief, challenge)), "malformed", "a key of its own");
  assert.equal(await refresh(await sign(owner, "invented", noKey)), "foreign_challenge");
  assert.equal(await refresh(await sign(owner, 1, noKey)), "foreign_challenge");
  const registration = await challenges.issue({ act: "register", ...REQUEST });
  assert.equal(await refresh(await sign(owner, registration, noKey)), "foreign_challenge");
  clock.advance(601_000);
  assert.equal(await refresh(await sign(owner, challenge, noKey)), "expired_challenge");
});

Deno.test("a challenge is good for exactly what it was made for", async () => {
  const { challenges } = await setUp();
  const purpose: fc.Arbitrary<ChallengePurpose> = fc.record({
    act: fc.constantFrom("register", "refresh"),
    origin: fc.constantFrom("https://a.example", "https://b.example"),
    sid: fc.string(),
    refreshJti: fc.string(),
  });
  await fc.assert(
    fc.asyncProperty(purpose, purpose, async (made, shown) => {
      const same = JSON.stringify(made) === JSON.stringify(shown);
      const outcome = await challenges.check(await challenges.issue(made), shown);
      assert.equal(outcome, same ? "good" : "foreign");
    }),
    { numRuns: 200 },
  );
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
      assert.equal(await challenges.check(text, { act: "refresh", ...REQUEST }), "foreign");
    }),
  );
});

Deno.test("a challenge has its time, and outlives the rotation of the key ring", async () => {
  const purpose = { act: "refresh", ...REQUEST } as const;
  const { challenges, clock } = await setUp("old");
  const challenge = await challenges.issue(purpose);
  const after = createChallenges({
    hmacKeys: await hmacKeys("new", "old"),
    lifeSeconds: { register: 300, refresh: 600 },
    clockToleranceSeconds: 5,
    clock,
  });
  assert.equal(await after.check(challenge, purpose), "good");
  assert.equal(await (await setUp("new")).challenges.check(challenge, purpose), "foreign");
  clock.advance(-6_000);
  assert.equal(await after.check(challenge, purpose), "expired", "from the future");
});
