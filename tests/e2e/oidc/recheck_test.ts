/**
 * The provider is asked at each rotation whether somebody may stay.
 */
import assert from "node:assert/strict";
import type { Browserless, Visit } from "../../support/browserless.ts";
import { visit, withHouse } from "./support.ts";
import type { OidcHouse } from "./support.ts";

const RECHECK = {
  provider: {
    recheck: "refresh",
    scopes: ["openid", "email", "profile", "offline_access"],
    claims: { email: "/email" },
    allow: { domains: ["example.com"] },
  },
};

function refresh({ gateway }: OidcHouse, browser: Browserless): Promise<Visit> {
  const { host } = new URL(gateway.url);
  const csrf = browser.cookies().find((each) => each.host === host && each.name === "postern-csrf");
  return browser.request(`${gateway.url}/auth/refresh`, {
    method: "POST",
    headers: { "sec-fetch-site": "same-origin", "x-csrf-token": csrf?.value ?? "" },
  });
}

Deno.test("a rotation asks the provider, and takes over what it says now", async () => {
  await withHouse(RECHECK, async (house) => {
    const { browser } = await visit(house, "/a");
    const asked = house.idp.asked.get("/token") ?? 0;
    house.idp.people["ada"] = { ...house.idp.people["ada"], email: "ada.new@example.com" };
    for (let rotation = 1; rotation <= 3; rotation++) {
      assert.equal((await refresh(house, browser)).status, 200);
      assert.equal(house.idp.asked.get("/token"), asked + rotation, "its token is rotated, too");
    }
    const { page } = await visit(house, "/a", { browser });
    assert.equal(JSON.parse(page.text).headers["x-auth-email"], "ada.new@example.com");
  });
});

Deno.test("who is disabled at the provider, or no longer allowed, is out at the next rotation", async () => {
  for (const change of ["disabled", "not allowed"] as const) {
    await withHouse(RECHECK, async (house) => {
      const { browser } = await visit(house, "/a");
      if (change === "disabled") house.idp.disable("ada");
      else house.idp.people["ada"] = { email: "ada@elsewhere.test", email_verified: true };
      const answer = await refresh(house, browser);
      assert.equal(answer.status, 401, answer.text);
      assert.equal(JSON.parse(answer.text).code, "session_revoked");
      const { sessions } = await house.gateway.store.listSessions({
        subject: "ada",
        after: null,
        limit: 10,
      });
      assert.deepEqual(sessions, []);
    });
  }
});

Deno.test("an outage of the provider ends no session, for a day", async () => {
  await withHouse(RECHECK, async (house) => {
    const { browser } = await visit(house, "/a");
    await house.idp.stop();
    assert.equal((await refresh(house, browser)).status, 200);
    assert.ok(house.gateway.events.some(({ event }) => event.event === "identity_unavailable"));
    house.gateway.clock.advance(25 * 3_600_000);
    const answer = await refresh(house, browser);
    assert.equal(answer.status, 503);
    assert.equal(JSON.parse(answer.text).code, "identity_unavailable");
  });
});

Deno.test("twenty at once ask the provider once, and all get the same successor", async () => {
  await withHouse(RECHECK, async (house) => {
    const { browser } = await visit(house, "/a");
    const { host } = new URL(house.gateway.url);
    const cookie = browser.cookies().filter((each) => each.host === host)
      .map(({ name, value }) => `${name}=${value}`).join("; ");
    const csrf = browser.cookies().find(({ name }) => name === "postern-csrf")?.value ?? "";
    const asked = house.idp.asked.get("/token") ?? 0;
    const answers = await Promise.all(Array.from({ length: 20 }, async () => {
      const answer = await fetch(`${house.gateway.url}/auth/refresh`, {
        method: "POST",
        headers: { cookie, "x-csrf-token": csrf, "sec-fetch-site": "same-origin" },
      });
      await answer.body?.cancel();
      return {
        status: answer.status,
        refresh: answer.headers.getSetCookie().find((line) => line.startsWith("postern-refresh=")),
      };
    }));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(new Set(answers.map(({ refresh }) => refresh?.split(";")[0])).size, 1);
    assert.equal(house.idp.asked.get("/token"), asked + 1);
    assert.equal((await refresh(house, browser)).status, 200, "and the session goes on");
  });
});

Deno.test("a dump of the store holds no refresh token of the provider", async () => {
  await withHouse(RECHECK, async (house) => {
    await visit(house, "/a");
    const { sessions } = await house.gateway.store.listSessions({
      subject: "ada",
      after: null,
      limit: 10,
    });
    const [session] = sessions;
    assert.match(session?.sealed ?? "", /^eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0\.\./);
    assert.equal(session?.groups.length, 4);
    assert.ok(session?.groups.every((group) => /^[\w-]{22}$/.test(group)));
  });
});

Deno.test("without recheck nothing of the provider is kept", async () => {
  await withHouse({}, async (house) => {
    const { browser } = await visit(house, "/a");
    const asked = house.idp.asked.get("/token") ?? 0;
    assert.equal((await refresh(house, browser)).status, 200);
    assert.equal(house.idp.asked.get("/token"), asked);
    const { sessions } = await house.gateway.store.listSessions({
      subject: "ada",
      after: null,
      limit: 10,
    });
    assert.equal(sessions[0]?.sealed, null);
  });
});
