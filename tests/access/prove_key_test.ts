/** Bound tokens and their proofs: no way around in either direction. */
import assert from "node:assert/strict";
import * as DPoP from "dpop";
import { createProveKey } from "../../src/access/prove_key.ts";
import { createDpop } from "../../src/binding/dpop.ts";
import type { KeyBinding } from "../../src/base/session.ts";
import type { CallerToken } from "../../src/tokens/claims.ts";
import { createTestClock } from "../support/clock.ts";
import { hmacKeys } from "../binding/keys.ts";

const ORIGIN = "https://app.example.com";
const CREDENTIAL = { kind: "bearer", token: "a.token" } as const;

function token(sid: string | null, bound: KeyBinding | null): CallerToken {
  return { sid, bound } as CallerToken;
}

async function decide(
  caller: CallerToken,
  scheme: "bearer" | "dpop",
  { on = true, proof }: { readonly on?: boolean; readonly proof?: string } = {},
): Promise<string> {
  const dpop = on
    ? createDpop({
      options: {
        requireNonce: false,
        proofAgeSeconds: 60,
        clockToleranceSeconds: 5,
        replayEntries: 10,
      },
      hmacKeys: await hmacKeys("one"),
      clock: createTestClock(),
    })
    : null;
  const decided = await createProveKey(dpop, () => Promise.resolve(true))(
    {
      method: "GET",
      origin: ORIGIN,
      target: { path: "/x", search: "" },
      around: { emit() {} },
      headers: new Headers(proof === undefined ? {} : { dpop: proof }),
    } as unknown as Parameters<ReturnType<typeof createProveKey>>[0],
    { ...CREDENTIAL, scheme } as Parameters<ReturnType<typeof createProveKey>>[1],
    caller,
    false,
  );
  return decided.kind === "good" ? "good" : decided.problem.code;
}

Deno.test("a bound token is no bearer token, an unbound one none for DPoP, whoever signed it", async () => {
  const bound = { jkt: "key", by: "dpop" } as const;
  for (const sid of ["ours", null]) {
    assert.equal(await decide(token(sid, null), "bearer"), "good");
    assert.equal(await decide(token(sid, null), "dpop"), "token_invalid");
    assert.equal(await decide(token(sid, bound), "bearer"), "token_invalid");
    assert.equal(await decide(token(sid, bound), "dpop"), "invalid_dpop_proof");
  }
});

Deno.test("switched off, a bound token is refused", async () => {
  const bound = { jkt: "key", by: "dpop" } as const;
  assert.equal(await decide(token("ours", bound), "bearer", { on: false }), "token_invalid");
});

Deno.test("the token's own key opens, another does not", async () => {
  const [owner, thief] = [await DPoP.generateKeyPair("ES256"), await DPoP.generateKeyPair("ES256")];
  const bound = { jkt: await DPoP.calculateThumbprint(owner.publicKey), by: "dpop" } as const;
  const prove = (pair: DPoP.KeyPair) =>
    DPoP.generateProof(pair, `${ORIGIN}/x`, "GET", undefined, "a.token");
  const caller = token(null, bound);
  assert.equal(await decide(caller, "dpop", { proof: await prove(owner) }), "good");
  assert.equal(await decide(caller, "dpop", { proof: await prove(thief) }), "invalid_dpop_proof");
});
