/**
 * DPoP on the wire, with the `dpop` package as the client: every refusal of RFC 9449 §4.3 by
 * its name, nonces that come with good answers, and proofs that are good once for all instances.
 */
import assert from "node:assert/strict";
import * as DPoP from "dpop";
import { exportJWK } from "jose";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import { es256, handmade } from "../binding/keys.ts";
import { createTestClock } from "../support/clock.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway, TestGatewayOptions } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

const CREDENTIALS = JSON.stringify({ username: "demo", password: "postern" });

async function onStage(
  act: (gateway: TestGateway, upstream: string) => Promise<void>,
  { config, ...options }: TestGatewayOptions = {},
): Promise<void> {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    config: { dpop: {}, ...config },
    ...options,
  });
  try {
    await act(gateway, upstream.url);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

/** What a request was answered with, as far as proofs are concerned. */
interface Answer {
  readonly status: number;
  readonly nonce: string | null;
  readonly said: string;
  readonly challenge: string | null;
  readonly body: Record<string, unknown>;
}

async function send(url: string, init: RequestInit & { proof?: string }): Promise<Answer> {
  const headers = new Headers(init.headers);
  if (init.proof !== undefined) headers.append("dpop", init.proof);
  const response = await fetch(url, { ...init, headers });
  const text = await response.text();
  const body = text.startsWith("{") ? JSON.parse(text) : {};
  return {
    status: response.status,
    nonce: response.headers.get("dpop-nonce"),
    said: body.reason === undefined ? String(body.code) : `${body.code}: ${body.reason}`,
    challenge: response.headers.get("www-authenticate"),
    body,
  };
}

const asJson = { method: "POST", headers: { "content-type": "application/json" } };

/** Signs in with a key; gives the access token, the refresh token and the nonce of the moment. */
async function signIn(gateway: TestGateway, pair: DPoP.KeyPair) {
  const url = `${gateway.url}/api/token/`;
  const post = async (nonce?: string) => {
    const proof = await DPoP.generateProof(pair, url, "POST", nonce);
    return await send(url, { ...asJson, body: CREDENTIALS, proof });
  };
  const asked = await post();
  assert.deepEqual([asked.status, asked.body["error"]], [400, "use_dpop_nonce"]);
  const nonce = asked.nonce ?? "";
  const { status, body } = await post(nonce);
  assert.equal(status, 200);
  return { access: String(body["access"]), refresh: String(body["refresh"]), nonce };
}

Deno.test("every refusal of RFC 9449 §4.3 is told by its name", async (t) => {
  await onStage(async (gateway) => {
    const url = `${gateway.url}/things`;
    const pair = await DPoP.generateKeyPair("ES256", { extractable: true });
    const { access, nonce } = await signIn(gateway, pair);
    const prove = (
      { by = pair, htu = url, htm = "GET", of = nonce, token = access }: {
        readonly by?: DPoP.KeyPair;
        readonly htu?: string;
        readonly htm?: string;
        readonly of?: string | undefined;
        readonly token?: string;
      } = {},
    ) => DPoP.generateProof(by, htu, htm, of, token);
    /** What no library makes. */
    const make = async (header: object, payload: object = {}) =>
      await handmade(pair as CryptoKeyPair, {
        header: { typ: "dpop+jwt", ...header },
        payload: {
          jti: crypto.randomUUID(),
          htm: "GET",
          htu: url,
          iat: Math.floor(Date.now() / 1000),
          nonce,
          ath: await hash(access),
          ...payload,
        },
      });
    const used = await prove();
    const ask = (proof: string | undefined) =>
      send(url, {
        headers: { authorization: `DPoP ${access}` },
        ...(proof === undefined ? {} : { proof }),
      });
    assert.equal((await ask(used)).status, 200);
    assert.equal((await ask(await make({}))).status, 200, "the one by hand is good as well");
    const stale = `${nonce.slice(0, -2)}AA`;
    const cases: Record<string, [string, string | undefined]> = {
      "no proof": ["missing", undefined],
      "1: two of them": ["several", `${await prove()}, ${await prove()}`],
      "2: no JWT": ["malformed", "proof"],
      "3: no jti": ["missing_claim", await make({}, { jti: undefined })],
      "3: no htm": ["missing_claim", await make({}, { htm: undefined })],
      "3: no iat": ["missing_claim", await make({}, { iat: undefined })],
      "3: no ath beside a token": [
        "missing_claim",
        await DPoP.generateProof(pair, url, "GET", nonce),
      ],
      "4: another type": ["wrong_type", await make({ typ: "JWT" })],
      "5: none": ["unsupported_algorithm", await make({ alg: "none" })],
      "5: symmetric": ["unsupported_algorithm", await make({ alg: "HS256" })],
      "5: not on our list": [
        "unsupported_algorithm",
        await prove({ by: await DPoP.generateKeyPair("RS256") }),
      ],
      "6: signed by another": [
        "bad_signature",
        await make({ jwk: await exportJWK((await es256()).publicKey) }),
      ],
      "7: the private key": ["private_key", await make({ jwk: await exportJWK(pair.privateKey) })],
      "7: no key": ["invalid_key", await make({ jwk: undefined })],
      "8: another method": ["method_mismatch", await prove({ htm: "POST" })],
      "9: another path": ["uri_mismatch", await prove({ htu: `${url}/2` })],
      "9: another host": ["uri_mismatch", await prove({ htu: "https://evil.example/things" })],
      "10: no nonce": [
        "nonce_missing",
        await DPoP.generateProof(pair, url, "GET", undefined, access),
      ],
      "10: a nonce that is not ours": ["nonce_stale", await prove({ of: stale })],
      "12: made for another token": ["token_mismatch", await prove({ token: `${access}x` })],
      "12: another key": ["key_mismatch", await prove({ by: await DPoP.generateKeyPair("ES256") })],
      "11.1: a second time": ["replayed", used],
    };
    for (const [name, [reason, proof]] of Object.entries(cases)) {
      await t.step(name, async () => {
        const { status, said, challenge, nonce: fresh } = await ask(proof);
        const code = reason.startsWith("nonce_") ? "use_dpop_nonce" : "invalid_dpop_proof";
        assert.equal(status, 401);
        assert.equal(said, `${code}: ${reason}`);
        assert.ok(challenge?.startsWith(`DPoP realm="postern", error="${code}", algs="ES256 `));
        assert.equal(fresh !== null, code === "use_dpop_nonce");
      });
    }
  });
});

Deno.test("11: without nonces a proof must be young, and not of tomorrow", async () => {
  await onStage(async (gateway) => {
    const url = `${gateway.url}/api/token/`;
    const pair = await DPoP.generateKeyPair("Ed25519");
    const ask = async () =>
      await send(url, {
        ...asJson,
        body: CREDENTIALS,
        proof: await DPoP.generateProof(pair, url, "POST"),
      });
    assert.equal((await ask()).status, 200);
    gateway.clock.advance(70_000);
    assert.match(String((await ask()).body["detail"]), /too_old/);
    gateway.clock.advance(-140_000);
    assert.match(String((await ask()).body["detail"]), /in_future/);
  }, { config: { dpop: { nonce: false } } });
});

Deno.test("a good answer brings the next nonce, once there is one", async () => {
  const shared = { path: "/shared/*", upstream: "app", cache: "shared" };
  const routes = [shared, { path: "/admin/*", upstream: "app", require: { scope: ["admin"] } }, {
    path: "/*",
    upstream: "app",
  }];
  const cors = { origins: ["https://spa.example"] };
  await onStage(async (gateway) => {
    const pair = await DPoP.generateKeyPair("ES256");
    const { access, refresh, nonce } = await signIn(gateway, pair);
    let current = nonce;
    const ask = async (path: string) => {
      const url = gateway.url + path;
      const proof = await DPoP.generateProof(pair, url, "GET", current, access);
      const headers = { authorization: `DPoP ${access}`, origin: "https://spa.example" };
      return await send(url, { headers, proof });
    };
    // What a client has just been told it need not be told again.
    assert.equal((await ask("/things")).nonce, null);
    for (
      const [path, status] of [["/things", 200], ["/auth/session", 200], ["/admin/x", 403]] as const
    ) {
      gateway.clock.advance(10_000);
      const answer = await ask(path);
      assert.equal(answer.status, status, path);
      assert.ok(answer.nonce !== null && answer.nonce !== current, path);
      current = answer.nonce;
      assert.equal((await ask(path)).nonce, null, path);
    }
    gateway.clock.advance(10_000);
    assert.equal((await ask("/shared/x")).nonce, null, "a cache would tell it to everybody");
    const url = `${gateway.url}/api/token/refresh/`;
    const rotated = await send(url, {
      ...asJson,
      body: JSON.stringify({ refresh }),
      proof: await DPoP.generateProof(pair, url, "POST", current),
    });
    assert.equal(rotated.status, 200);
    assert.ok(rotated.nonce !== null && rotated.nonce !== current);
    const preflight = await fetch(`${gateway.url}/auth/session`, {
      method: "OPTIONS",
      headers: { origin: "https://spa.example", "access-control-request-method": "GET" },
    });
    assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /\bDPoP\b/);
    const read = await fetch(`${gateway.url}/auth/session`, {
      headers: { origin: "https://spa.example" },
    });
    await read.body?.cancel();
    assert.equal(
      read.headers.get("access-control-expose-headers"),
      "DPoP-Nonce, WWW-Authenticate",
    );
  }, { config: { routes, cors } });
});

Deno.test("where a route is strict, a proof is good once for all instances; elsewhere once for each", async () => {
  const clock = createTestClock();
  const store = createMemoryStore({ clock });
  const routes = [{ path: "/strict/*", upstream: "app", revocation: "strict" }, {
    path: "/*",
    upstream: "app",
  }];
  await onStage(async (one, upstream) => {
    const two = await startGateway({
      upstream,
      store,
      clock,
      keys: one.keys,
      config: { origin: one.url, dpop: {}, routes },
    });
    try {
      const pair = await DPoP.generateKeyPair("ES256");
      const { access, nonce } = await signIn(one, pair);
      const headers = { authorization: `DPoP ${access}` };
      for (const [path, again] of [["/strict/x", 401], ["/x", 200]] as const) {
        const proof = await DPoP.generateProof(pair, one.url + path, "GET", nonce, access);
        assert.equal((await send(one.url + path, { headers, proof })).status, 200);
        const second = await send(two.url + path, { headers, proof });
        assert.equal(second.status, again, path);
        if (again === 401) assert.equal(second.said, "invalid_dpop_proof: replayed");
        const third = await send(one.url + path, { headers, proof });
        assert.equal(third.said, "invalid_dpop_proof: replayed");
      }
      // Nobody can say whether another instance has taken it.
      await store.close();
      const proof = await DPoP.generateProof(pair, `${one.url}/strict/x`, "GET", nonce, access);
      const unknown = await send(`${one.url}/strict/x`, { headers, proof });
      assert.deepEqual([unknown.status, unknown.said], [503, "store_unavailable"]);
    } finally {
      await two.stop();
    }
  }, { clock, store, config: { routes } });
});

async function hash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toBase64({ alphabet: "base64url", omitPadding: true });
}
