/** What is under way while somebody is revoked is revoked with them, however it is raced. */
import assert from "node:assert/strict";
import type { IdentitySource } from "../../../src/identity/port.ts";
import { createMemoryStore } from "../../../src/store/memory/store.ts";
import type { SessionStore } from "../../../src/store/port.ts";
import { createGroupNames } from "../../../src/tokens/groups.ts";
import { createBrowserless } from "../../support/browserless.ts";
import { startEvilProvider } from "../../support/evil_provider.ts";
import { startGateway } from "../../support/gateway.ts";
import { freePort } from "../../support/ports.ts";
import { startUpstream } from "../../support/upstream.ts";

const LIVES = { denyForMs: 3_600_000, rememberForMs: 7_200_000 };
const query = { subject: "ada", after: null, limit: 100 };

async function revoke(
  store: SessionStore,
  issuer: string,
  kind: "subject" | "provider_subject",
  ...parts: readonly string[]
): Promise<void> {
  const group = await createGroupNames(issuer)(kind, ...parts);
  await store.revokeGroup({ ...LIVES, group });
}

async function logIn(url: string, prefix = "/auth/login"): Promise<Response> {
  return await fetch(`${url}${prefix}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "ada", password: "right" }),
  });
}

Deno.test("who is locked out and revoked while the password is being checked is not let in", async () => {
  for (const path of ["/auth/login", "/api/token/"]) {
    let isLockedOut = false;
    let asked = 0;
    let meanwhile = () => Promise.resolve();
    const identity: IdentitySource = {
      async authenticate() {
        asked++;
        const isWelcome = !isLockedOut;
        await meanwhile();
        return isWelcome ? { kind: "accepted", subject: "ada", claims: {} } : { kind: "rejected" };
      },
    };
    const gateway = await startGateway({ identity });
    try {
      meanwhile = async () => {
        isLockedOut = true;
        meanwhile = () => Promise.resolve();
        await revoke(gateway.store, gateway.url, "subject", "ada");
      };
      const refused = await logIn(gateway.url, path);
      await refused.body?.cancel();
      assert.equal(refused.status, 401, path);
      assert.equal(asked, 2, "asked again, about today");
      assert.deepEqual((await gateway.store.listSessions(query)).sessions, []);

      // Somebody who only signs out everywhere in that moment comes in all the same.
      isLockedOut = false;
      meanwhile = async () => {
        meanwhile = () => Promise.resolve();
        await revoke(gateway.store, gateway.url, "subject", "ada");
      };
      const welcome = await logIn(gateway.url, path);
      await welcome.body?.cancel();
      assert.equal(welcome.status, 200, path);
      assert.equal((await gateway.store.listSessions(query)).sessions.length, 1);

      // Whoever keeps being revoked is told so, and the question comes to an end.
      asked = 0;
      meanwhile = async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await revoke(gateway.store, gateway.url, "subject", "ada");
      };
      const never = await logIn(gateway.url, path);
      await never.body?.cancel();
      assert.deepEqual([never.status, asked], [503, 3]);
    } finally {
      await gateway.stop();
    }
  }
});

Deno.test("a mark by a clock that is ahead keeps nobody out who proves themselves afterwards", async () => {
  const store = createMemoryStore();
  const identity: IdentitySource = {
    authenticate: () => Promise.resolve({ kind: "accepted", subject: "ada", claims: {} }),
  };
  const gateway = await startGateway({ identity, store });
  try {
    const group = await createGroupNames(gateway.url)("subject", "ada");
    await store.revokeGroup({ ...LIVES, group, notAfterMs: Date.now() + 60_000 });
    const response = await logIn(gateway.url);
    assert.equal(response.status, 200);
    const { sid } = await response.json();
    assert.notEqual(await store.readSession(sid), null);
  } finally {
    await gateway.stop();
    await store.close();
  }
});

Deno.test("whom the provider signs out while their code is exchanged begins anew", async () => {
  const evil = await startEvilProvider();
  const app = startUpstream();
  const store = createMemoryStore();
  const gateway = await startGateway({
    upstream: app.url,
    store,
    secrets: () => "a secret of the tests, not a real one",
    config: {
      identity: undefined,
      providers: {
        work: { issuer: evil.issuer, clientId: "postern", clientSecret: { env: "WORK_SECRET" } },
      },
    },
  });
  try {
    let exchanged = 0;
    const meanwhile = [() => revoke(store, gateway.url, "provider_subject", evil.issuer, "ada")];
    evil.spoiling = {
      async idToken(claims, header) {
        exchanged++;
        await meanwhile.pop()?.();
        return await evil.sign(claims, header);
      },
    };
    const page = await createBrowserless().go(`${gateway.url}/hello`);
    assert.equal(page.status, 200, page.text);
    assert.equal(exchanged, 2, "the provider was asked again");
    assert.equal((await store.listSessions(query)).sessions.length, 1);

    // A mark by a clock that is ahead: what begins after it is seen is good all the same.
    const group = await createGroupNames(gateway.url)("subject", "ada");
    await store.revokeGroup({ ...LIVES, group, notAfterMs: Date.now() + 60_000 });
    const later = await createBrowserless().go(`${gateway.url}/hello`);
    assert.equal(later.status, 200, later.text);
    assert.equal(exchanged, 4);
  } finally {
    await gateway.stop();
    await app.stop();
    await evil.stop();
    await store.close();
  }
});

Deno.test("whose session ends while it is handed over has none at the other host either", async () => {
  for (const kind of ["subject", "session"] as const) {
    const inner = createMemoryStore();
    let meanwhile = () => Promise.resolve();
    const port = freePort();
    const other = `http://127.0.0.1:${port}`;
    const store: SessionStore = {
      ...inner,
      async readSession(sid) {
        const record = await inner.readSession(sid);
        await meanwhile();
        return record;
      },
    };
    const gateway = await startGateway({
      port,
      store,
      identity: {
        authenticate: () => Promise.resolve({ kind: "accepted", subject: "ada", claims: {} }),
      },
      config: { origins: [other], handover: true },
    });
    try {
      const signedIn = await logIn(gateway.url);
      const { sid } = await signedIn.json();
      const home = signedIn.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
      const start = await fetch(`${other}/auth/login`, { redirect: "manual" });
      await start.body?.cancel();
      const there = start.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
      const give = await fetch(start.headers.get("location") ?? "", {
        redirect: "manual",
        headers: { cookie: home },
      });
      await give.body?.cancel();
      const family = (await inner.readSession(sid))?.groups.find((each) => each.includes("family"));
      assert.ok(family !== undefined);
      meanwhile = async () => {
        meanwhile = () => Promise.resolve();
        if (kind === "subject") await revoke(inner, gateway.url, "subject", "ada");
        else {
          await inner.revokeGroup({ ...LIVES, group: family });
          await inner.revokeSession({ sid, denyForMs: LIVES.denyForMs, mustExist: true });
        }
      };
      const take = await fetch(give.headers.get("location") ?? "", {
        redirect: "manual",
        headers: { cookie: there },
      });
      assert.equal((await take.json()).code, "session_revoked", kind);
      assert.deepEqual(take.headers.getSetCookie(), []);
      assert.deepEqual((await inner.listSessions(query)).sessions, [], kind);
    } finally {
      await gateway.stop();
      await inner.close();
    }
  }
});
