/** Tokens bound to a key (RFC 9449), with the `dpop` package as the client. */
import assert from "node:assert/strict";
import * as DPoP from "dpop";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";
import type { RecordingUpstream } from "../support/upstream.ts";

const CREDENTIALS = { username: "demo", password: "postern" };

interface Client {
  readonly pair: DPoP.KeyPair;
  nonce: string | undefined;
}

async function onStage(
  act: (gateway: TestGateway, upstream: RecordingUpstream, client: Client) => Promise<void>,
  dpop: object | null = {},
): Promise<void> {
  const upstream = startUpstream();
  const config = {
    ...(dpop === null ? {} : { dpop }),
    routes: [
      ...(dpop === null ? [] : [{
        path: "/bound/*",
        upstream: "app",
        require: { deviceBound: true },
      }]),
      { path: "/*", upstream: "app", refresh: "transparent" },
    ],
  };
  const gateway = await startGateway({ upstream: upstream.url, config });
  try {
    await act(gateway, upstream, { pair: await DPoP.generateKeyPair("ES256"), nonce: undefined });
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

interface Asked {
  readonly method?: string;
  readonly body?: object;
  readonly token?: string;
  readonly scheme?: string;
}

/** Asks with a proof, and once more where a nonce is asked for. */
async function ask(
  client: Client,
  url: string,
  { method = "GET", body, token, scheme = "DPoP" }: Asked,
): Promise<Response> {
  const once = async () => {
    const response = await fetch(url, {
      method,
      headers: {
        dpop: await DPoP.generateProof(client.pair, url, method, client.nonce, token),
        ...(token === undefined ? {} : { authorization: `${scheme} ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    client.nonce = response.headers.get("dpop-nonce") ?? client.nonce;
    return response;
  };
  const first = await once();
  if (!first.headers.has("dpop-nonce")) return first;
  await first.body?.cancel();
  return await once();
}

async function signIn(client: Client, gateway: TestGateway) {
  const response = await ask(client, `${gateway.url}/api/token/`, {
    method: "POST",
    body: CREDENTIALS,
  });
  assert.equal(response.status, 200);
  return await response.json() as { access: string; refresh: string; token_type?: string };
}

async function codeOf(response: Response): Promise<string> {
  const { code, reason } = await response.json();
  return reason === undefined ? code : `${code}: ${reason}`;
}

Deno.test("a client that proves its key gets bound tokens, and nobody else can use them", async () => {
  await onStage(async (gateway, upstream, client) => {
    const { access, token_type } = await signIn(client, gateway);
    assert.equal(token_type, "DPoP");
    const url = `${gateway.url}/things`;
    const good = await ask(client, url, { token: access });
    assert.equal(good.status, 200);
    await good.body?.cancel();
    const seen = JSON.stringify(upstream.seen.map(({ headers }) => [...headers]));
    assert.ok(!seen.includes(access) && !/"dpop"/i.test(seen), "neither token nor proof goes on");

    const asBearer = await fetch(url, { headers: { authorization: `Bearer ${access}` } });
    assert.deepEqual([asBearer.status, await codeOf(asBearer)], [401, "token_invalid"]);
    const withProof = await ask(client, url, { token: access, scheme: "Bearer" });
    assert.deepEqual([withProof.status, await codeOf(withProof)], [401, "token_invalid"]);
    const asCookie = await fetch(url, { headers: { cookie: `postern-access=${access}` } });
    assert.deepEqual([asCookie.status, await codeOf(asCookie)], [401, "token_invalid"]);
    const noProof = await fetch(url, { headers: { authorization: `DPoP ${access}` } });
    assert.match(noProof.headers.get("www-authenticate") ?? "", /^DPoP .*algs="ES256 /);
    assert.equal(await codeOf(noProof), "invalid_dpop_proof: missing");
    const thief = { pair: await DPoP.generateKeyPair("ES256"), nonce: client.nonce };
    const stolen = await ask(thief, url, { token: access });
    assert.equal(await codeOf(stolen), "invalid_dpop_proof: key_mismatch");
    const told = gateway.events.map(({ event }) => event)
      .flatMap((event) => event.event === "binding_failed" ? event.reason : event.event)
      .filter((each) => !["sign_in", "denied"].includes(each));
    assert.deepEqual(told, ["session_bound", "missing", "key_mismatch"]);
  });
});

Deno.test("an unbound token is not taken under DPoP, nor where a bound one is asked for", async () => {
  await onStage(async (gateway, _upstream, client) => {
    const response = await fetch(`${gateway.url}/api/token/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(CREDENTIALS),
    });
    const { access, ...rest } = await response.json();
    assert.ok(!("token_type" in rest), "whoever proves no key is answered as ever");
    const under = await ask(client, `${gateway.url}/things`, { token: access });
    assert.deepEqual([under.status, await codeOf(under)], [401, "token_invalid"]);
    const bearer = { headers: { authorization: `Bearer ${access}` } };
    const guarded = await fetch(`${gateway.url}/bound/x`, bearer);
    assert.deepEqual([guarded.status, await codeOf(guarded)], [403, "binding_required"]);
    const bound = await signIn(client, gateway);
    const proven = await ask(client, `${gateway.url}/bound/x`, { token: bound.access });
    assert.equal(proven.status, 200);
    await proven.body?.cancel();
    const plain = await fetch(`${gateway.url}/things`, bearer);
    assert.equal(plain.status, 200);
    await plain.body?.cancel();
  });
});

Deno.test("a proof is good once", async () => {
  await onStage(async (gateway, _upstream, client) => {
    const { access } = await signIn(client, gateway);
    const url = `${gateway.url}/things`;
    const headers = {
      authorization: `DPoP ${access}`,
      dpop: await DPoP.generateProof(client.pair, url, "GET", client.nonce, access),
    };
    const first = await fetch(`${url}?q=1`, { headers });
    assert.equal(first.status, 200);
    await first.body?.cancel();
    assert.equal(await codeOf(await fetch(url, { headers })), "invalid_dpop_proof: replayed");
  });
});

Deno.test("a stolen refresh token spends nothing, whatever way it is shown, and the owner goes on", async () => {
  await onStage(async (gateway, _upstream, client) => {
    const { refresh } = await signIn(client, gateway);
    const url = `${gateway.url}/api/token/refresh/`;
    const thief = { pair: await DPoP.generateKeyPair("ES256"), nonce: client.nonce };
    const tries = [
      await ask(thief, url, { method: "POST", body: { refresh } }),
      await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ refresh }),
      }),
      // In passing: no CSRF token is asked for there.
      await fetch(`${gateway.url}/things`, { headers: { cookie: `postern-refresh=${refresh}` } }),
    ];
    for (const response of tries) {
      assert.deepEqual([response.status, (await response.clone().json()).code], [
        403,
        "binding_required",
      ]);
      assert.ok(!response.headers.getSetCookie().some((each) => each.includes("access=ey")));
      await response.body?.cancel();
    }
    let current = refresh;
    for (let each = 0; each < 3; each++) {
      const next = await ask(client, url, { method: "POST", body: { refresh: current } });
      assert.equal(next.status, 200);
      const pair = await next.json();
      const used = await ask(client, `${gateway.url}/things`, { token: pair.access });
      assert.equal(used.status, 200, "the new access token is bound to the same key");
      await used.body?.cancel();
      current = pair.refresh;
    }
  });
});

Deno.test("a bound token is not called good to a backend that would take it from a bearer", async () => {
  await onStage(async (gateway, _upstream, client) => {
    const pair = await signIn(client, gateway);
    const url = `${gateway.url}/api/token/verify/`;
    for (const token of [pair.access, pair.refresh]) {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ token }),
      });
      assert.deepEqual([response.status, await codeOf(response)], [401, "token_not_valid"]);
      const thief = { pair: await DPoP.generateKeyPair("ES256"), nonce: client.nonce };
      const stolen = await ask(thief, url, { method: "POST", body: { token } });
      assert.deepEqual([stolen.status, await codeOf(stolen)], [401, "token_not_valid"]);
      const own = await ask(client, url, { method: "POST", body: { token } });
      await own.body?.cancel();
      assert.equal(own.status, 200);
    }
  });
});

Deno.test("who asks about a bound token hears that it is one, and by which key", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    config: {
      dpop: {},
      introspection: { clients: { api: { secret: { env: "API_SECRET" } } } },
    },
    secrets: () => "s".repeat(32),
  });
  try {
    const client: Client = { pair: await DPoP.generateKeyPair("ES256"), nonce: undefined };
    const { access, refresh } = await signIn(client, gateway);
    const jkt = await DPoP.calculateThumbprint(client.pair.publicKey);
    for (const [token, type] of [[access, "DPoP"], [refresh, "refresh_token"]] as const) {
      const response = await fetch(`${gateway.url}/auth/introspect`, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`api:${"s".repeat(32)}`)}` },
        body: new URLSearchParams({ token }),
      });
      const said = await response.json();
      assert.deepEqual([said.active, said.token_type, said.cnf], [true, type, { jkt }]);
    }
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("switched off, the header means nothing and DPoP is a scheme of somebody else's", async () => {
  await onStage(async (gateway, _upstream, client) => {
    const { access, token_type } = await signIn(client, gateway);
    assert.equal(token_type, undefined);
    const other = await ask(client, `${gateway.url}/things`, { token: access });
    assert.deepEqual([other.status, await codeOf(other)], [401, "token_missing"]);
    assert.equal(other.headers.get("dpop-nonce"), null);
  }, null);
});

Deno.test("a route that asks for bound tokens where none can be is refused at start", async () => {
  const routes = [{ path: "/*", upstream: "app", require: { deviceBound: true } }];
  await assert.rejects(
    startGateway({ config: { routes } }),
    /require\.deviceBound: .*"dpop": \{\}/,
  );
});
