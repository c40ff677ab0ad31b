/**
 * The session follows the provider's: it is ended from there, and ends there.
 */
import assert from "node:assert/strict";
import { createSignOutMemory } from "../../../src/endpoints/oidc/sign_out_memory.ts";
import { createBrowserless } from "../../support/browserless.ts";
import type { Browserless } from "../../support/browserless.ts";
import { evilKey, signWith, startEvilProvider } from "../../support/evil_provider.ts";
import type { EvilProvider } from "../../support/evil_provider.ts";
import { startGateway, testKeys } from "../../support/gateway.ts";
import type { TestGateway } from "../../support/gateway.ts";
import { report } from "../../support/report.ts";
import { until } from "../../support/until.ts";
import { startUpstream } from "../../support/upstream.ts";
import { SECRET, visit, withHouse } from "./support.ts";

const EVENT = "http://schemas.openid.net/event/backchannel-logout";

/** What a script of the front end asks. */
const script = { headers: { "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin" } };

function csrfOf(browser: Browserless, gateway: TestGateway): string {
  const { host } = new URL(gateway.url);
  return browser.cookies().find((each) => each.host === host && each.name === "postern-csrf")
    ?.value ?? "";
}

Deno.test("signing out at a real provider ends the session here, wherever it is used", async () => {
  await withHouse({}, async (house) => {
    const { gateway, idp } = house;
    const { browser } = await visit(house, "/a");
    const { browser: phone } = await visit(house, "/a");
    assert.equal((await browser.request(`${gateway.url}/a`, script)).status, 200);
    const asked = await browser.go(`${idp.issuer}/session/end`);
    const [, xsrf = ""] = /name="xsrf" value="([^"]+)"/.exec(asked.text) ?? [];
    await browser.go(`${idp.issuer}/session/end/confirm`, undefined, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ xsrf, logout: "yes" }).toString(),
    });
    await until(
      () => gateway.events.some(({ event }) => event.event === "provider_logout"),
      "the provider has told us",
    );
    const after = await browser.request(`${gateway.url}/a`, script);
    assert.equal(after.status, 401);
    assert.equal(JSON.parse(after.text).code, "session_revoked");
    assert.equal(
      (await phone.request(`${gateway.url}/a`, script)).status,
      200,
      "another session of the same person at the provider goes on",
    );
  });
});

Deno.test("signing out here signs out there, and nobody is signed in again by one click", async () => {
  await withHouse({}, async (house) => {
    const { gateway, idp } = house;
    const { browser } = await visit(house, "/a");
    const answer = await browser.request(`${gateway.url}/auth/logout`, {
      method: "POST",
      headers: { "sec-fetch-site": "same-origin", "x-csrf-token": csrfOf(browser, gateway) },
    });
    assert.equal(answer.status, 200, answer.text);
    const { continue: onward } = JSON.parse(answer.text);
    const url = new URL(onward);
    assert.equal(url.origin, idp.issuer);
    assert.equal(url.searchParams.get("client_id"), "postern");
    assert.match(url.searchParams.get("id_token_hint") ?? "", /^ey/);
    const { host } = new URL(gateway.url);
    assert.deepEqual(browser.cookies().filter((each) => each.host === host), []);

    const asked = await browser.go(onward);
    const [, xsrf = ""] = /name="xsrf" value="([^"]+)"/.exec(asked.text) ?? [];
    const back = await browser.go(`${idp.issuer}/session/end/confirm`, undefined, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ xsrf, logout: "yes" }).toString(),
    });
    assert.equal(new URL(back.url).host, host);
    assert.match(back.text, /You are signed out\./);
    assert.match(back.text, /Sign in with Example Work/, "the page does not go straight on");
    const again = await browser.go(`${gateway.url}/a`);
    assert.ok(again.url.startsWith(idp.issuer), "and there they are asked again");
    assert.match(again.text, /name="login"/);
  });
});

Deno.test("a cookie that a sibling plants does not keep a sign-out from the provider", async () => {
  const { hmacKeys } = (await testKeys()).ring;
  const parts = { hmacKeys, secure: true, prefix: "/auth", clock: Date.now };
  const memory = createSignOutMemory(parts);
  const cookieOf = async (sid: string) => {
    const untilSeconds = Date.now() / 1000 + 60;
    const line = await memory.remember({ provider: "work", sid, idToken: sid, untilSeconds });
    return line.split(";", 1)[0] ?? "";
  };
  const [mine, theirs] = [await cookieOf("mine"), await cookieOf("theirs")];
  const [name] = mine.split("=", 1);
  for (const header of [mine, `${theirs}; ${mine}`, `${name}=x; a=b; ${mine}; ${theirs}`]) {
    assert.equal((await memory.recall(header, "mine"))?.idToken, "mine", header);
  }
  for (const header of [theirs, `${name}=x`, `${name}=`, "a=b", null]) {
    assert.equal(await memory.recall(header, "mine"), null);
  }
});

Deno.test("the sign-out form of the account page leads on to the provider", async () => {
  await withHouse({}, async (house) => {
    const { gateway, idp } = house;
    const { browser } = await visit(house, "/a");
    const page = await browser.request(`${gateway.url}/auth/account/sign-out`, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-mode": "navigate",
        "sec-fetch-site": "same-origin",
      },
      body: new URLSearchParams({ csrf_token: csrfOf(browser, gateway) }).toString(),
    });
    assert.equal(page.status, 200, page.text);
    assert.match(page.text, /http-equiv="refresh" content="0; url=/);
    assert.ok(page.text.includes(`${idp.issuer}/session/end?`), page.text);
  });
});

Deno.test("a provider without a sign-out of its own, or one that is switched off, keeps the 204", async () => {
  await withHouse({ provider: { logout: { rpInitiated: false } } }, async (house) => {
    const { gateway } = house;
    const { browser } = await visit(house, "/a");
    const answer = await browser.request(`${gateway.url}/auth/logout`, {
      method: "POST",
      headers: { "sec-fetch-site": "same-origin", "x-csrf-token": csrfOf(browser, gateway) },
    });
    assert.equal(answer.status, 204);
  });
});

const RP_INITIATED = "oidcc-client-rp-initiated-logout-rp-basic";

for (
  const [name, expected] of [
    ["rp-init-logout", "accept"],
    ["rp-init-logout-other-state", "refuse"],
    ["rp-init-logout-no-state", "refuse"],
  ] as const
) {
  Deno.test(`oidcc-client-test-${name}: ${expected}`, async () => {
    await withHouse({}, async (house) => {
      const { gateway } = house;
      const { browser } = await visit(house, "/a");
      const answer = await browser.request(`${gateway.url}/auth/logout`, {
        method: "POST",
        headers: { "sec-fetch-site": "same-origin", "x-csrf-token": csrfOf(browser, gateway) },
      });
      const state = new URL(JSON.parse(answer.text).continue).searchParams.get("state") ?? "";
      const query = name.endsWith("no-state")
        ? ""
        : `?state=${name.endsWith("other-state") ? `${state}x` : state}`;
      const page = await browser.go(`${gateway.url}/auth/oidc/signed-out${query}`);
      const found = page.text.includes("You are signed out.") ? "accept" : "refuse";
      report(`${found} oidcc-client-test-${name} (${RP_INITIATED})`);
      assert.equal(found, expected);
    });
  });
}

interface EvilHouse {
  readonly evil: EvilProvider;
  readonly gateway: TestGateway;
  /** A browser that is signed in. */
  readonly browser: Browserless;
  notice(changed?: Record<string, unknown>): Record<string, unknown>;
  send(token: string): Promise<Response>;
  isSignedIn(): Promise<boolean>;
}

async function withEvil(
  body: (house: EvilHouse) => Promise<void>,
  options: { readonly gateway?: Parameters<typeof startGateway>[0] } = {},
): Promise<void> {
  const evil = await startEvilProvider({
    claims: (claims) => ({ ...claims, sid: "session at the provider" }),
  });
  const app = startUpstream();
  const gateway = await startGateway({
    ...options.gateway,
    upstream: app.url,
    secrets: () => SECRET,
    config: {
      identity: undefined,
      providers: {
        work: { issuer: evil.issuer, clientId: "postern", clientSecret: { env: "WORK_SECRET" } },
      },
    },
  });
  const browser = createBrowserless();
  await browser.go(`${gateway.url}/a`);
  const seconds = Math.floor(Date.now() / 1000);
  try {
    await body({
      evil,
      gateway,
      browser,
      notice: (changed = {}) => ({
        iss: evil.issuer,
        aud: "postern",
        sub: "ada",
        sid: "session at the provider",
        iat: seconds,
        exp: seconds + 120,
        jti: crypto.randomUUID(),
        events: { [EVENT]: {} },
        ...changed,
      }),
      send: (token) =>
        fetch(`${gateway.url}/auth/oidc/work/backchannel-logout`, {
          method: "POST",
          body: new URLSearchParams({ logout_token: token }),
        }),
      isSignedIn: async () => (await browser.request(`${gateway.url}/a`, script)).status === 200,
    });
  } finally {
    await gateway.stop();
    await app.stop();
    await evil.stop();
  }
}

type Refusal = (house: EvilHouse) => Promise<string>;
const refusals: Readonly<Record<string, Refusal>> = {
  "alg-none": ({ notice }) => {
    const part = (value: unknown) =>
      new TextEncoder().encode(JSON.stringify(value)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      });
    return Promise.resolve(`${part({ alg: "none" })}.${part(notice())}.`);
  },
  "no-event": ({ evil, notice }) => evil.sign(notice({ events: undefined })),
  "with-nonce": ({ evil, notice }) => evil.sign(notice({ nonce: "n" })),
  "wrong-alg": async ({ notice }) => signWith(await evilKey("ec", "ES256"), notice()),
  "wrong-aud": ({ evil, notice }) => evil.sign(notice({ aud: "somebody else" })),
  "wrong-event": ({ evil, notice }) => evil.sign(notice({ events: { "http://x.test/": {} } })),
  "wrong-iss": ({ evil, notice }) => evil.sign(notice({ iss: "https://evil.test" })),
};

const BACK_CHANNEL = "oidcc-client-back-channel-logout-rp-basic";

for (const [name, spoil] of Object.entries(refusals)) {
  Deno.test(`oidcc-client-test-rp-backchannel-rpinitlogout-${name}: refuse`, async () => {
    await withEvil(async (house) => {
      const answer = await house.send(await spoil(house));
      assert.equal(answer.status, 400);
      assert.equal((await answer.json()).error, "invalid_request");
      assert.ok(await house.isSignedIn());
      report(`refuse oidcc-client-test-rp-backchannel-rpinitlogout-${name} (${BACK_CHANNEL})`);
    });
  });
}

Deno.test("oidcc-client-test-rp-backchannel-rpinitlogout: accept, and once only", async () => {
  await withEvil(async ({ evil, notice, send, isSignedIn, browser, gateway }) => {
    const token = await evil.sign(notice(), { typ: "logout+jwt" });
    const answer = await send(token);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.equal(await answer.text(), "");
    assert.ok(!await isSignedIn());
    report(`accept oidcc-client-test-rp-backchannel-rpinitlogout (${BACK_CHANNEL})`);
    await browser.go(`${gateway.url}/a`);
    assert.ok(await isSignedIn(), "they may come back at once");
    assert.equal((await send(token)).status, 400, "the same token again (jti)");
    assert.ok(await isSignedIn());
  });
});

Deno.test("more that a logout token must not be", async () => {
  await withEvil(async ({ evil, notice, send, isSignedIn }) => {
    const now = Math.floor(Date.now() / 1000);
    const thief = await evilKey("thief");
    const tokens = [
      "",
      "x.y.z",
      await evil.sign(notice({ exp: now - 300 })),
      await evil.sign(notice({ iat: now - 3_600, exp: undefined })),
      await evil.sign(notice({ iat: now + 3_600 })),
      await evil.sign(notice({ iat: undefined })),
      await evil.sign(notice({ jti: undefined })),
      await evil.sign(notice({ sub: undefined, sid: undefined })),
      await evil.sign(notice({ sid: 7 })),
      await evil.sign(notice({ events: { [EVENT]: "x" } })),
      await evil.sign(notice({ nonce: null })),
      await evil.sign(notice(), { typ: "at+jwt" }),
      await signWith(thief, notice(), { kid: "one" }),
    ];
    for (const [index, token] of tokens.entries()) {
      assert.equal((await send(token)).status, 400, `${index}`);
    }
    assert.ok(await isSignedIn());
  });
});

Deno.test("a sub alone ends all of a person's sessions, and 200 is said where there are none", async () => {
  await withEvil(async ({ evil, notice, send, isSignedIn }) => {
    assert.equal((await send(await evil.sign(notice({ sub: "eve", sid: undefined })))).status, 200);
    assert.equal((await send(await evil.sign(notice({ sid: "another", sub: "ada" })))).status, 200);
    assert.ok(await isSignedIn());
    assert.equal((await send(await evil.sign(notice({ sid: undefined })))).status, 200);
    assert.ok(!await isSignedIn());
  });
});

Deno.test("while the store is down the provider hears 5xx, and its second try works", async () => {
  const { createMemoryStore } = await import("../../../src/store/memory/store.ts");
  const { StoreUnavailableError } = await import("../../../src/base/errors.ts");
  const store = createMemoryStore({});
  let isDown = false;
  const flaky = {
    ...store,
    revokeGroup: (end: Parameters<typeof store.revokeGroup>[0]) =>
      isDown ? Promise.reject(new StoreUnavailableError("down")) : store.revokeGroup(end),
  };
  await withEvil(async ({ evil, notice, send, isSignedIn }) => {
    const token = await evil.sign(notice());
    isDown = true;
    assert.equal((await send(token)).status, 503);
    isDown = false;
    assert.ok(await isSignedIn());
    assert.equal((await send(token)).status, 200);
    assert.ok(!await isSignedIn());
  }, { gateway: { store: flaky } });
});
