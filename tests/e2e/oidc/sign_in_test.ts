/**
 * Signing in at a real provider, and every way in which people do it differently.
 */
import assert from "node:assert/strict";
import { createBrowserless } from "../../support/browserless.ts";
import type { Visit } from "../../support/browserless.ts";
import { freePort } from "../../support/ports.ts";
import { upToCallback, visit, withHouse } from "./support.ts";
import type { OidcHouse } from "./support.ts";

/** What the backend said it saw. */
function seen(page: Visit): { target: string; headers: Record<string, string> } {
  assert.equal(page.status, 200, `${page.url}: ${page.text.slice(0, 500)}`);
  return JSON.parse(page.text);
}

const openSessions = async ({ gateway }: OidcHouse, subject = "ada") =>
  (await gateway.store.listSessions({ subject, after: null, limit: 100 })).sessions.length;

Deno.test("somebody is taken to the provider and back to where they wanted to go", async () => {
  await withHouse({ provider: { claims: { email: "/email" } } }, async (house) => {
    const { page, browser } = await visit(house, "/reports?year=2026");
    const { target, headers } = seen(page);
    assert.equal(target, "/reports?year=2026");
    assert.equal(headers["x-auth-subject"], "ada");
    assert.equal(headers["x-auth-email"], "ada@example.com");
    assert.doesNotMatch(headers["cookie"] ?? "", /postern/);
    assert.deepEqual(
      browser.cookies().map(({ name }) => name).filter((name) => name.includes("flow")),
      [],
      "the flow is over",
    );
    const { events } = house.gateway;
    assert.equal(events.filter(({ event }) => event.event === "sign_in").length, 1);
  });
});

Deno.test("a script is not sent to a provider, and begins no flow", async () => {
  await withHouse({}, async ({ gateway, idp }) => {
    const browser = createBrowserless();
    const script = { headers: { "sec-fetch-mode": "cors", "accept": "*/*" } };
    assert.equal((await browser.request(`${gateway.url}/api/things`, script)).status, 401);
    const started = await browser.request(`${gateway.url}/auth/oidc/work/start`, script);
    assert.equal(started.status, 400);
    assert.equal(JSON.parse(started.text).code, "navigation_required");
    for (let i = 0; i < 200; i++) {
      await browser.request(`${gateway.url}/auth/oidc/work/start?return_to=/${i}`, script);
    }
    assert.deepEqual(browser.cookies(), []);
    assert.equal(idp.asked.size, 0);
  });
});

Deno.test("ten tabs at once: each ends where it wanted to go, and there is one session", async () => {
  await withHouse({}, async (house) => {
    const browser = createBrowserless();
    const callbacks: string[] = [];
    for (let i = 0; i < 10; i++) {
      const { callback } = await upToCallback(house, `/tab/${i}`, browser);
      callbacks.push(callback);
    }
    assert.ok(browser.cookies().filter(({ name }) => name.includes("flow")).length <= 6);
    for (const [i, callback] of callbacks.entries()) {
      assert.equal(seen(await browser.go(callback)).target, `/tab/${i}`);
    }
    assert.equal(await openSessions(house), 1);
  });
});

Deno.test("the second tab, after the first has finished, goes on signed in", async () => {
  await withHouse({}, async (house) => {
    const browser = createBrowserless();
    const first = await upToCallback(house, "/first", browser);
    const second = await upToCallback(house, "/second", browser);
    await browser.go(first.callback);
    browser.forget(({ name }) => name.includes("flow"));
    assert.equal(seen(await browser.go(second.callback)).target, "/second");
    assert.equal(await openSessions(house), 1);
  });
});

Deno.test("a callback opened twice, or again with the back button, goes on signed in", async () => {
  await withHouse({}, async (house) => {
    const { browser, callback } = await upToCallback(house, "/once");
    assert.equal(seen(await browser.go(callback)).target, "/once");
    assert.equal(seen(await browser.go(callback)).target, "/once");
    assert.equal(await openSessions(house), 1);
  });
});

Deno.test("a page left open overnight signs in where the person wanted to go", async () => {
  await withHouse({}, async (house) => {
    const { browser, callback } = await upToCallback(house, "/overnight");
    // The browser has dropped the cookie of the flow long ago.
    browser.forget(({ name }) => name.includes("flow"));
    // The provider still knows them, so beginning anew asks for nothing.
    assert.equal(seen(await browser.go(callback)).target, "/overnight");
  });
});

Deno.test("a callback opened in another browser does not sign that browser in as somebody", async () => {
  await withHouse({}, async (house) => {
    const { callback } = await upToCallback(house, "/private", createBrowserless(), "eve");
    const victim = createBrowserless();
    const page = await victim.go(callback);
    assert.ok(page.url.startsWith(house.idp.issuer), "asked to sign in as themselves");
    assert.equal(await openSessions(house, "eve"), 0);
    const after = await victim.logIn(page, "ada");
    assert.equal(seen(after).headers["x-auth-subject"], "ada");
  });
});

Deno.test("a browser that keeps no cookies is told so and does not go round in circles", async () => {
  await withHouse({}, async (house) => {
    const browser = createBrowserless();
    const { callback } = await upToCallback(house, "/", browser);
    let at = callback;
    for (let hops = 0;; hops++) {
      assert.ok(hops < 10, "a loop");
      browser.forget(({ host }) => host === new URL(house.gateway.url).host);
      const page = await browser.request(at, {
        headers: { "accept": "text/html", "sec-fetch-mode": "navigate" },
      });
      const location = page.headers.get("location");
      if (location === null) {
        assert.equal(page.status, 200);
        assert.match(page.text, /begun elsewhere or too long ago/);
        break;
      }
      at = new URL(location, page.url).href;
    }
  });
});

Deno.test("a callback that nobody asked for ends at the sign-in page", async () => {
  await withHouse({}, async ({ gateway }) => {
    for (const query of ["", "?code=x", "?code=x&state=y", "?error=access_denied&state=y"]) {
      const page = await createBrowserless().go(`${gateway.url}/auth/oidc/work/callback${query}`);
      assert.equal(page.status, 200);
      assert.match(page.text, /Sign in with Example Work/);
      assert.match(page.text, /begun elsewhere/);
    }
    const unknown = await createBrowserless().go(`${gateway.url}/auth/oidc/nobody/start`);
    assert.equal(unknown.status, 404);
  });
});

Deno.test("who is not allowed is told so, and can choose again", async () => {
  const rules = { provider: { allow: { domains: ["example.com"] } } };
  await withHouse(rules, async (house) => {
    const { page, browser } = await visit(house, "/in", { login: "eve" });
    assert.match(page.text, /has no access here/);
    assert.match(page.text, /href="\/auth\/oidc\/work\/start\?return_to=%2Fin"/);
    assert.equal(await openSessions(house, "eve"), 0);
    assert.deepEqual(browser.cookies().filter(({ name }) => /access|refresh/.test(name)), []);
    const { page: second } = await visit(house, "/in");
    assert.equal(seen(second).headers["x-auth-subject"], "ada");
  });
});

Deno.test("groups give scopes, and Entra's overage lets nobody in", async () => {
  const rules = { provider: { scopeFrom: { eng: ["admin", "read"] } } };
  await withHouse(rules, async (house) => {
    const { page } = await visit(house, "/admin/");
    assert.equal(seen(page).headers["x-auth-scope"], "admin read");
    house.idp.people["many"] = { _claim_names: { groups: "src1" } };
    const overage = await visit(house, "/admin/", { login: "many" });
    assert.match(overage.page.text, /too many groups to be checked/);
    assert.equal(await openSessions(house, "many"), 0);
  });
});

Deno.test("two providers' people, and a password's, are never the same person", async () => {
  await withHouse({ gateway: { config: { identity: { kind: "demo" } } } }, async (house) => {
    const { page } = await visit(house, "/auth/oidc/work/start?return_to=/x");
    assert.equal(seen(page).headers["x-auth-subject"], "work|ada");
  });
});

Deno.test("a provider that is down leaves the page, the others and the password standing", async () => {
  await withHouse({ gateway: { config: { identity: { kind: "demo" } } } }, async (house) => {
    await house.idp.stop();
    const page = await createBrowserless().go(
      `${house.gateway.url}/auth/oidc/work/start?return_to=/x`,
    );
    assert.equal(page.status, 200);
    assert.match(page.text, /Example Work can not be reached/);
    assert.match(page.text, /name="password"/);
    assert.equal(
      house.gateway.events.filter(({ event }) => event.event === "identity_unavailable").length,
      1,
    );
  });
});

Deno.test("where there are providers alone, nothing asks for a password or takes one", async () => {
  await withHouse({}, async ({ gateway }) => {
    for (
      const headers of [
        { "content-type": "application/json", "accept": "application/json" },
        { "content-type": "application/x-www-form-urlencoded", "accept": "text/html" },
      ]
    ) {
      const response = await fetch(`${gateway.url}/auth/login`, {
        method: "POST",
        headers: { ...headers, origin: gateway.url },
        body: headers.accept === "text/html" ? "username=a&password=b" : '{"username":"a"}',
      });
      assert.equal(response.status, 405);
      assert.equal(response.headers.get("allow"), "GET, HEAD");
      assert.equal((await response.json()).code, "method_not_allowed");
    }
  });
});

Deno.test("form_post: the answer comes as a form and signs in", async () => {
  await withHouse({ provider: { responseMode: "form_post" } }, async (house) => {
    const browser = createBrowserless();
    const form = await browser.go(`${house.gateway.url}/form`);
    const posted = await browser.logIn(form, "ada");
    const fields = new URLSearchParams();
    for (const [, name = "", value = ""] of posted.text.matchAll(/name="(\w+)" value="([^"]*)"/g)) {
      fields.set(name, value.replaceAll("&amp;", "&"));
    }
    assert.ok(fields.has("code"), posted.text);
    const cookies = browser.cookies().filter(({ name }) => name.includes("flow"));
    // A cross-site POST has no Lax cookies.
    const bare = createBrowserless();
    const answer = await bare.request(`${house.gateway.url}/auth/oidc/work/callback`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", "accept": "text/html" },
      body: fields.toString(),
    });
    assert.equal(answer.status, 303);
    assert.equal(cookies.length, 1);
    const page = await browser.go(answer.headers.get("location") ?? "");
    assert.equal(seen(page).target, "/form");
  });
});

Deno.test("signing in as somebody else ends the session that was here before", async () => {
  await withHouse({}, async (house) => {
    const { browser } = await visit(house, "/a");
    browser.forget(({ host }) => host === new URL(house.idp.issuer).host);
    const started = await browser.go(`${house.gateway.url}/auth/oidc/work/start?return_to=/b`);
    const page = await browser.logIn(started, "eve");
    assert.equal(seen(page).headers["x-auth-subject"], "eve");
    assert.equal(await openSessions(house, "ada"), 0);
  });
});

Deno.test("a sign-in begun by somebody else's page goes to the provider it names, and only home", async () => {
  await withHouse({}, async ({ gateway, idp }) => {
    const login = async (query: Record<string, string>) =>
      await createBrowserless().request(
        `${gateway.url}/auth/oidc/login?${new URLSearchParams(query)}`,
      );
    const known = await login({
      iss: idp.issuer,
      login_hint: "ada",
      target_link_uri: `${gateway.url}/deep?x=1`,
      scope: "everything",
    });
    assert.equal(
      known.headers.get("location"),
      "/auth/oidc/work/start?return_to=%2Fdeep%3Fx%3D1&login_hint=ada",
    );
    const away = await login({ iss: idp.issuer, target_link_uri: "https://evil.test/x" });
    assert.equal(away.headers.get("location"), "/auth/oidc/work/start?return_to=%2F");
    assert.equal((await login({ iss: "https://evil.test" })).status, 400);
  });
});

Deno.test("only allowed parameters reach the provider", async () => {
  const hints = {
    provider: { par: "never", hints: { login_hint: "any", kc_idp_hint: ["google"] } },
  };
  await withHouse(hints, async ({ gateway }) => {
    const to = async (query: string) => {
      const page = await createBrowserless().request(
        `${gateway.url}/auth/oidc/work/start?${query}`,
        { headers: { "sec-fetch-mode": "navigate" } },
      );
      return new URL(page.headers.get("location") ?? "").searchParams;
    };
    const good = await to("login_hint=ada&kc_idp_hint=google&prompt=none&scope=x&nonce=y");
    assert.equal(good.get("login_hint"), "ada");
    assert.equal(good.get("kc_idp_hint"), "google");
    assert.equal(good.get("prompt"), null);
    assert.equal(good.get("scope"), "openid email profile");
    assert.notEqual(good.get("nonce"), "y");
    const bad = await to("kc_idp_hint=evil&login_hint=a&login_hint=b");
    assert.equal(bad.get("kc_idp_hint"), null);
    assert.equal(bad.get("login_hint"), null);
  });
});

Deno.test("on each public origin the provider sends people back to where they were", async () => {
  const port = freePort();
  const other = `http://127.0.0.1:${port}`;
  const options = { gateway: { port, config: { origins: [other] } }, provider: { par: "never" } };
  await withHouse(options, async ({ gateway }) => {
    for (const origin of [gateway.url, other]) {
      const page = await createBrowserless().request(`${origin}/auth/oidc/work/start`, {
        headers: { "sec-fetch-mode": "navigate" },
      });
      const { searchParams } = new URL(page.headers.get("location") ?? "");
      assert.equal(searchParams.get("redirect_uri"), `${origin}/auth/oidc/work/callback`);
    }
  });
});

Deno.test("a callback that arrives twice at the same moment leaves one person signed in", async () => {
  await withHouse({}, async (house) => {
    const { browser, callback } = await upToCallback(house, "/twice");
    const pages = await Promise.all([browser.go(callback), browser.go(callback)]);
    for (const page of pages) assert.equal(seen(page).target, "/twice");
  });
});
