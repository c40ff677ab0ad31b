/** Nobody is called like somebody of another source, whatever a source lets people choose. */
import { sign } from "hono/jwt";
import assert from "node:assert/strict";
import { parseConfig } from "../../../src/config/load.ts";
import { startGateway } from "../../support/gateway.ts";
import { startUpstream } from "../../support/upstream.ts";

const KEY = "the signing key of the shop, 32 bytes or more";
const WORK = {
  issuer: "https://id.example.com",
  clientId: "postern",
  clientSecret: { env: "WORK_SECRET" },
};
const MACHINES = { issuer: "https://machines.example.com", types: ["at+jwt"], audience: "api" };
const CRON = { secretHash: `sha256:${"0".repeat(64)}` };

Deno.test("a token from before Postern names nobody of another source", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    legacyKey: KEY,
    secrets: () => "a secret of at least thirty-two bytes",
    config: {
      providers: { work: WORK },
      issuers: { machines: MACHINES },
      clients: { cron: CRON },
      tokens: { legacy: { userIdClaim: "username" } },
    },
  });
  try {
    const now = Math.floor(gateway.clock() / 1000);
    const old = (username: string, type: string) =>
      sign({
        iat: now - 60,
        exp: now + 3_600,
        jti: crypto.randomUUID(),
        token_type: type,
        username,
      }, KEY);
    const use = async (username: string) => {
      const response = await fetch(`${gateway.url}/x`, {
        headers: { authorization: `Bearer ${await old(username, "access")}` },
      });
      await response.body?.cancel();
      return response.status;
    };
    const renew = async (username: string) => {
      const response = await fetch(`${gateway.url}/api/token/refresh/`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ refresh: await old(username, "refresh") }),
      });
      await response.body?.cancel();
      return response.status;
    };
    assert.deepEqual([await use("ada"), await renew("ada")], [200, 200]);
    for (const name of ["work|ada", "machines|cron", "client|cron", "client|"]) {
      assert.deepEqual([await use(name), await renew(name)], [401, 401], name);
    }
    const seen = upstream.seen.map(({ headers }) => headers.get("x-auth-subject"));
    assert.deepEqual(seen, ["ada"]);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});

Deno.test("beside whatever other source there is, the people of a provider bear its name", () => {
  const base = {
    origin: "https://app.example.com",
    upstreams: { app: { targets: ["http://127.0.0.1:8000"] } },
    routes: [{ path: "/*", upstream: "app" }],
    providers: { work: WORK },
  };
  const others: Readonly<Record<string, unknown>>[] = [
    { clients: { cron: CRON } },
    { issuers: { machines: MACHINES } },
    { tokens: { legacy: {} } },
    { identity: { kind: "upstream", url: "http://127.0.0.1:8000/login", subject: "/id" } },
    { providers: { work: WORK, other: { ...WORK, issuer: "https://other.example.com" } } },
  ];
  for (const other of others) {
    const { providers } = parseConfig({ ...base, ...other }, "production", () => "a secret");
    const { admission } = providers.get("work") ?? {};
    assert.equal(admission?.prefixesSubject, true, JSON.stringify(other));
  }
});
