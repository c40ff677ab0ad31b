/** Whatever is written to the endpoints of DBSC, the answer is one of those that a browser knows. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BoundBrowser, signed } from "../../support/bound_browser.ts";
import { startGateway } from "../../support/gateway.ts";

/** What stands in a header: what JSON, base64url, structured fields and nobody at all would write. */
const text = fc.oneof(
  fc.stringMatching(/^[!-~ ]{0,60}$/),
  fc.json().map((json) => `${btoa(encodeURIComponent(json)).replaceAll("=", "")}.e30.AAAA`),
  fc.array(fc.stringMatching(/^[A-Za-z0-9_-]{0,20}$/), { maxLength: 6 })
    .map((parts) => parts.join(".")),
  fc.stringMatching(/^[a-z0-9]{1,4}$/).map((word) => `"${word.repeat(900)}"`),
  fc.constantFrom("", '"', '""', '"";id=""', ".", "..", "...", "e30.e30.e30", "null"),
);

Deno.test("whatever a proof, an identifier or a cookie holds, nothing breaks and nothing is given out", async () => {
  const gateway = await startGateway({ config: { deviceBinding: "offer" } });
  try {
    const browser = new BoundBrowser(gateway.url);
    const { sid } = await browser.signIn();
    assert.equal((await browser.register()).status, 200);
    const before = await gateway.store.readSession(sid);
    const refresh = browser.cookie("refresh") ?? "";
    const good = await signed(browser.pair as CryptoKeyPair, browser.challenge, {
      jwk: undefined,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("register", "refresh"),
        text,
        fc.oneof(text, fc.constant(browser.identifier ?? "")),
        fc.oneof({ weight: 3, arbitrary: fc.constant(refresh) }, text),
        fc.nat(good.length - 2),
        fc.boolean(),
        async (path, written, identifier, cookie, at, isBent) => {
          // A good proof with one letter changed, or anything at all.
          const bent = good.slice(0, at) + (good[at] === "A" ? "B" : "A") + good.slice(at + 1);
          const response = await fetch(`${gateway.url}/auth/dbsc/${path}`, {
            method: "POST",
            redirect: "manual",
            headers: {
              cookie: `postern-refresh=${cookie}`,
              "secure-session-response": isBent ? bent : written,
              "sec-secure-session-id": identifier,
            },
          });
          const body = await response.json();
          const isOver = response.status === 200 && body.continue === false;
          // A token of a key that is not known here may be good elsewhere: that is no end.
          const isElsewhere = response.status === 503 && body.code === "not_ready";
          const isRefused = [400, 401, 403].includes(response.status);
          assert.ok(isOver || isElsewhere || isRefused, JSON.stringify(body));
          assert.deepEqual(
            response.headers.getSetCookie().filter((line) => !line.includes("Max-Age=0")),
            [],
          );
        },
      ),
      { numRuns: 400, seed: 20261125 },
    );
    assert.deepEqual(await gateway.store.readSession(sid), before);
    assert.equal((await browser.renewOnce()).status, 200);
  } finally {
    await gateway.stop();
  }
});
