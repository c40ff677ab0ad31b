/**
 * What a DPoP proof costs a request, by itself and beside its parts:
 * `deno bench -A tests/bench/dpop.bench.ts`. Proofs are made beforehand, each is
 * shown once, with a nonce and a token, as at a protected resource.
 */
import * as DPoP from "dpop";
import { createDpop } from "../../src/binding/dpop.ts";
import { hmacKeys } from "../binding/keys.ts";

const ORIGIN = "https://app.example.com";
const TOKEN = "x".repeat(600);
const PROOFS = 60_000;

const dpop = createDpop({
  options: {
    requireNonce: true,
    proofAgeSeconds: 60,
    clockToleranceSeconds: 5,
    replayEntries: 100_000,
  },
  hmacKeys: await hmacKeys("bench"),
  clock: Date.now,
});
const pair = await DPoP.generateKeyPair("ES256");
const jkt = await DPoP.calculateThumbprint(pair.publicKey);
const request = { method: "GET", origin: ORIGIN, path: "/api/things", accessToken: TOKEN, jkt };
const asked = await dpop.check(
  await DPoP.generateProof(pair, `${ORIGIN}/api/things`, "GET", undefined, TOKEN),
  request,
);
const proofs: string[] = [];
for (let each = 0; each < PROOFS; each++) {
  proofs.push(
    await DPoP.generateProof(pair, `${ORIGIN}/api/things`, "GET", asked.nonce ?? "", TOKEN),
  );
}

let next = 0;
Deno.bench("a DPoP proof: all checks", async () => {
  const outcome = await dpop.check(proofs[next++ % PROOFS] ?? null, request);
  if (next <= PROOFS && outcome.kind !== "proven") throw new Error(outcome.failure);
});

const signed = new TextEncoder().encode("x".repeat(700));
const signature = await crypto.subtle.sign(
  { name: "ECDSA", hash: "SHA-256" },
  pair.privateKey as CryptoKey,
  signed,
);
Deno.bench("of that: the ES256 signature alone", async () => {
  await crypto.subtle.verify(
    { name: "ECDSA", hash: "SHA-256" },
    pair.publicKey as CryptoKey,
    signature,
    signed,
  );
});

Deno.bench("of that: the hash of the token alone", async () => {
  await crypto.subtle.digest("SHA-256", new TextEncoder().encode(TOKEN));
});
