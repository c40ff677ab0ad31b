/** Published vectors for JSON Web Signatures, through our own reading and our own key sets. */
import assert from "node:assert/strict";
import { createKeySet } from "../../../src/tokens/issuers/key_set.ts";
import { FOREIGN_ALGORITHMS } from "../../../src/tokens/issuers/options.ts";
import { readCompact, verifySignature } from "../../../src/tokens/issuers/signature.ts";
import wycheproof from "./wycheproof_jws.json" with { type: "json" };

async function accepts(keys: readonly object[], jws: string): Promise<boolean> {
  const read = readCompact(jws);
  if (read === null) return false;
  const keySet = createKeySet(
    { issuer: "https://issuer.example", jwks: "https://issuer.example" },
    {
      clock: Date.now,
      getJson: () =>
        Promise.resolve({
          kind: "json",
          status: 200,
          document: JSON.parse(JSON.stringify({ keys })),
        }),
    },
  );
  const found = await verifySignature(jws, read, {
    algorithms: FOREIGN_ALGORITHMS,
    keys: keySet,
    waitUntil: () => {},
  });
  return typeof found !== "string";
}

/**
 * Valid by the vectors, and refused by us all the same. A token without a payload
 * is none (RFC 7519 §7.2); "ES521" is no algorithm, and a key that names another
 * algorithm than the token is not used with it (RFC 8725 §3.1).
 */
function isRefusedOnPurpose(comment: string, key: { alg?: string }, jws: string): boolean {
  const [head = "", body] = jws.split(".");
  const { alg } = JSON.parse(atob(head.replaceAll("-", "+").replaceAll("_", "/")));
  return body === "" || key.alg !== alg || comment === "emptyPayload";
}

Deno.test("Wycheproof: no invalid signature is accepted, and the valid ones are", async () => {
  const counts = { accepted: 0, refused: 0, onPurpose: 0 };
  for (const { key, tests } of wycheproof.groups) {
    for (const [id, comment, jws, result] of tests as [number, string, string, string][]) {
      const accepted = await accepts([key], jws);
      if (result === "invalid") {
        assert.equal(accepted, false, `${id} ${comment}`);
        counts.refused += 1;
      } else if (accepted) {
        counts.accepted += 1;
      } else {
        assert.ok(isRefusedOnPurpose(comment, key, jws), `${id} ${comment}`);
        counts.onPurpose += 1;
      }
    }
  }
  assert.ok(counts.refused > 300 && counts.accepted > 15, JSON.stringify(counts));
});

Deno.test("RFC 8037 A.4: Ed25519", async () => {
  const key = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
  const jws = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." +
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  assert.equal(await accepts([key], jws), true);
  assert.equal(await accepts([{ ...key, alg: "ES256" }], jws), false);
});
