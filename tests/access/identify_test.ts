import assert from "node:assert/strict";
import { createIdentify } from "../../src/access/identify.ts";

const NEVER = () => Promise.reject(new Error("nobody is asked"));

Deno.test("a token that nobody has seen before is verified once", async () => {
  let asked = 0;
  const token = { subject: "ada", bound: null } as never;
  const identify = createIdentify({
    csrf: { issue: NEVER, check: NEVER },
    verifier: { verify: NEVER, identify: NEVER } as never,
    authenticate: NEVER,
    authenticateBearer: () => {
      asked++;
      return Promise.resolve(token);
    },
    renew: NEVER,
    proveKey: () => Promise.resolve({ kind: "good", nonce: null }),
    offers: null,
  });
  const asking = { around: { waitUntil: () => {} } } as never;
  const credential = { kind: "bearer", token: "t", scheme: "bearer", cookies: {} } as never;
  assert.deepEqual(
    await identify(asking, credential, { transparent: false, strict: false, cors: null }),
    {
      token,
      setCookies: [],
      nonce: null,
    },
  );
  assert.equal(asked, 1);
});
