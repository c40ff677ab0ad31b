import assert from "node:assert/strict";
import { pemProblems } from "../../src/runtime/deno/pem.ts";
import { selfSigned } from "../support/tls.ts";

Deno.test("certificates and keys are looked at before they are put in force", async () => {
  const [one, other] = await Promise.all([selfSigned("one.example"), selfSigned("two.example")]);
  const [key, otherKey] = await Promise.all([
    Deno.readTextFile(one.keyPath),
    Deno.readTextFile(other.keyPath),
  ]);
  assert.deepEqual(pemProblems("app", { ca: one.cert + other.cert, cert: one.cert, key }), []);
  assert.deepEqual(pemProblems("app", { ca: "", cert: one.cert.replace("MII", "MXX"), key }), [
    "upstreams.app.tls.ca: holds no certificate that can be read",
    "upstreams.app.tls.cert: holds no certificate that can be read",
  ]);
  assert.deepEqual(pemProblems("app", { cert: one.cert, key: otherKey }), [
    "upstreams.app.tls.key: is not the key of the certificate in upstreams.app.tls.cert",
  ]);
  const [problem = ""] = pemProblems("app", { cert: one.cert, key: key.slice(0, 80) });
  assert.match(problem, /^upstreams\.app\.tls\.key: holds no private key/);
  assert.ok(!problem.includes(key.slice(30, 60)), "no part of the key is quoted");
  await Promise.all([one.remove(), other.remove()]);
});
