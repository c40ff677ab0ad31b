/**
 * Whoever has all of a bound session but its key: cookies of every age, the CSRF token, keys
 * of their own, and any challenge that they ask for, at every door.
 */
import assert from "node:assert/strict";
import * as DPoP from "dpop";
import { exportJWK } from "jose";
import { sessionIdentifier } from "../../../src/binding/device.ts";
import type { PublicJwk } from "../../../src/binding/public_key.ts";
import { es256 } from "../../binding/keys.ts";
import { BoundBrowser, signed } from "../../support/bound_browser.ts";
import { startGateway } from "../../support/gateway.ts";
import type { TestGateway } from "../../support/gateway.ts";
import { startUpstream } from "../../support/upstream.ts";

const OTHER = "http://127.0.0.1:9";
const CHALLENGES = ["/auth/refresh", "/auth/bind", "/auth/dbsc/register", "/auth/dbsc/refresh"];

type Kind = "dbsc" | "script";

/** A browser whose session is bound, and everything that was seen of it on the way. */
async function owner(gateway: TestGateway, kind: Kind) {
  const browser = new BoundBrowser(gateway.url);
  const { sid } = await browser.signIn();
  const before = browser.cookie("refresh");
  if (kind === "dbsc") {
    assert.equal((await browser.register()).status, 200);
  } else {
    const pair = browser.pair = await es256();
    const asked = await browser.post("/auth/bind");
    await asked.body?.cancel();
    const bound = await browser.fetch("/auth/bind", {
      method: "POST",
      csrf: true,
      headers: { "secure-session-response": await signed(pair, challengeOf(asked)) },
    });
    assert.equal(bound.status, 200, await bound.text());
  }
  return { browser, sid, refreshes: [before, browser.cookie("refresh")] };
}

function challengeOf(response: Response): string {
  return /"([^"]+)"/.exec(response.headers.get("secure-session-challenge") ?? "")?.[1] ?? "none";
}

async function partsOf({ publicKey }: CryptoKeyPair): Promise<PublicJwk> {
  const { kty, crv, x, y } = await exportJWK(publicKey);
  return { kty, crv, x, y } as PublicJwk;
}

for (const kind of ["dbsc", "script"] as const) {
  Deno.test(`${kind}: without the key no door gives anything out, spends anything, or ends anything`, async () => {
    const upstream = startUpstream();
    const gateway = await startGateway({
      upstream: upstream.url,
      config: {
        deviceBinding: "offer",
        dpop: { nonce: false },
        origins: [OTHER],
        handover: true,
        verify: { trustedProxies: ["127.0.0.1"] },
      },
    });
    try {
      const { browser, sid, refreshes } = await owner(gateway, kind);
      const record = await gateway.store.readSession(sid);
      assert.equal(record?.bound?.by, kind);
      // What was copied of the access token is over.
      gateway.clock.advance(31 * 60_000);
      const own = await es256();
      const dpop = await DPoP.generateKeyPair("ES256");
      const ownIdentifier = sessionIdentifier(sid, await partsOf(own));
      const theirs = browser.pair === null
        ? ""
        : sessionIdentifier(sid, await partsOf(browser.pair));

      for (const refresh of refreshes) {
        const thief = () => {
          const copy = browser.stolen();
          copy.cookies.set("postern-refresh", refresh ?? "");
          return copy;
        };
        const seen: string[] = [];
        const check = async (response: Response, what: string): Promise<Response> => {
          const text = await response.clone().text();
          const cookies = response.headers.getSetCookie()
            .filter((line) => /postern-(access|refresh)=[^;]/.test(line));
          assert.deepEqual(cookies, [], what);
          assert.ok(!/"(access|refresh)":\s*"ey/.test(text), what);
          assert.deepEqual(await gateway.store.readSession(sid), record, `${what}: ${text}`);
          seen.push(`${what} ${response.status}`);
          return response;
        };
        const asked = (path: string, headers: Record<string, string> = {}) =>
          thief().fetch(path, {
            method: "POST",
            csrf: true,
            headers: { origin: gateway.url, "sec-fetch-site": "same-origin", ...headers },
          });

        for (const from of CHALLENGES) {
          const challenge = challengeOf(
            await check(await asked(from, { "sec-secure-session-id": theirs }), from),
          );
          const proofs = [
            await signed(own, challenge),
            await signed(own, challenge, { jwk: undefined }),
            await signed(own, challenge, { typ: "dpop+jwt" }),
            await signed(own, challenge, { alg: "none" }),
          ];
          for (const door of CHALLENGES) {
            for (const proof of proofs) {
              for (const id of [null, theirs, ownIdentifier]) {
                const headers = {
                  "secure-session-response": proof,
                  ...(id === null ? {} : { "sec-secure-session-id": id }),
                };
                await check(await asked(door, headers), `${from} → ${door}`);
              }
            }
          }
        }
        const url = `${gateway.url}/api/token/refresh/`;
        await check(
          await fetch(url, {
            method: "POST",
            headers: {
              "content-type": "application/json",
              dpop: await DPoP.generateProof(dpop, url, "POST"),
            },
            body: JSON.stringify({ refresh }),
          }),
          "the token transport, with a key of one's own",
        );
        const state = "a".repeat(43);
        const pages = [
          "/transparent/x",
          "/auth/account",
          "/auth/login",
          `/auth/renew?return_to=${encodeURIComponent("/x")}`,
          `/auth/handover/give?to=${encodeURIComponent(OTHER)}&state=${state}`,
        ];
        for (const path of pages) {
          for (const mode of ["navigate", "cors"]) {
            const headers = { "sec-fetch-mode": mode, accept: "text/html" };
            const response = await thief().fetch(path, { headers, redirect: "manual" });
            await check(response, path);
            assert.ok(!(response.headers.get("location") ?? "").includes("code="), path);
          }
        }
        await check(
          await thief().fetch("/transparent/x", { method: "POST", csrf: true, body: "x" }),
          "in passing, unsafe",
        );
        const live = await thief().fetch("/x");
        assert.equal(live.status, 401);
        await live.body?.cancel();
        assert.ok(seen.length > 100, "all of them");
      }

      // And the owner goes on as if nothing had been.
      const renewed = kind === "dbsc" ? await browser.renew() : await (async () => {
        const again = await browser.post("/auth/refresh");
        await again.body?.cancel();
        assert.ok(browser.pair !== null);
        return await browser.fetch("/auth/refresh", {
          method: "POST",
          csrf: true,
          headers: { "secure-session-response": await signed(browser.pair, challengeOf(again)) },
        });
      })();
      assert.equal(renewed.status, 200, await renewed.text());
      const back = await browser.fetch("/x");
      await back.body?.cancel();
      assert.equal(back.status, 200);
      assert.equal((await gateway.store.readSession(sid))?.sid, sid);
    } finally {
      await gateway.stop();
      await upstream.stop();
    }
  });
}
