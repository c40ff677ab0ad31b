/**
 * Sessions that `client.js` binds to a key, in a real Chromium that knows no Device Bound
 * Session Credentials: how they go on, what copied cookies are worth, and how they end.
 */
import assert from "node:assert/strict";
import { StoreUnavailableError } from "../../src/base/errors.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import type { Rotation, SessionStore } from "../../src/store/port.ts";
import { createCertificateAuthority } from "../support/certificate_authority.ts";
import { signInOn, startChromium } from "../support/chromium.ts";
import type { BrowserContext, ChromiumOptions, Page } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway, TestGatewayOptions } from "../support/gateway.ts";
import { until } from "../support/until.ts";
import { startUpstream } from "../support/upstream.ts";

/** Playwright keeps its pipe to a browser open for as long as it likes. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeResources: false, sanitizeOps: false });
}

/** Short, so that it ends while a test runs. */
const ACCESS_SECONDS = 4;

const APP = `<!doctype html><title>App</title><script type="module">
import { createPostern } from "/auth/client.js";
window.told = [];
window.postern = createPostern();
for (const event of ["signedIn", "refreshed", "signedOut"]) postern.on(event, () => told.push(event));
await postern.ready;
window.ready = true;
</script>`;

interface Stand {
  readonly gateway: TestGateway;
  browser(options?: ChromiumOptions): Promise<{ context: BrowserContext; page: Page }>;
}

async function onStage(
  act: (stand: Stand) => Promise<void>,
  { tls, store, config }: Pick<TestGatewayOptions, "tls" | "store" | "config"> = {},
): Promise<void> {
  const upstream = startUpstream((_request, { target }) =>
    target.startsWith("/app")
      ? new Response(APP, { headers: { "content-type": "text/html" } })
      : /^(?:\/transparent|\/bound)?\/plain/.test(target)
      ? new Response("<!doctype html><title>Plain</title>", {
        headers: { "content-type": "text/html" },
      })
      : null
  );
  const gateway = await startGateway({
    ...(tls === undefined ? {} : { tls }),
    ...(store === undefined ? {} : { store }),
    upstream: upstream.url,
    clock: Object.assign(() => Date.now(), { advance() {} }),
    config: {
      deviceBinding: "offer",
      tokens: { accessTtl: `${ACCESS_SECONDS}s`, clockTolerance: "0s" },
      routes: [{ path: "/transparent/*", upstream: "app", refresh: "transparent" }, {
        path: "/*",
        upstream: "app",
      }],
      ...config,
    },
  });
  const open: BrowserContext[] = [];
  try {
    await act({
      gateway,
      async browser(options) {
        const context = await startChromium(options);
        open.push(context);
        return { context, page: context.pages()[0] ?? await context.newPage() };
      },
    });
  } finally {
    for (const context of open) await context.close();
    await gateway.stop();
    await upstream.stop();
  }
}

const count = ({ events }: TestGateway, name: string) =>
  events.filter(({ event }) => event.event === name).length;

async function openApp(page: Page, gateway: TestGateway): Promise<void> {
  await page.goto(`${gateway.url}/app`);
  // By way of the page that proves the key, where the access token has ended.
  await page.waitForURL(`${gateway.url}/app`);
  await page.waitForFunction("window.ready === true");
}

/** Signs in, and waits until the script has bound the session; its `sid`. */
async function signInBound(page: Page, gateway: TestGateway): Promise<string> {
  const before = count(gateway, "session_bound");
  await page.goto(`${gateway.url}/auth/login?return_to=/app`);
  await signInOn(page);
  await page.waitForURL(`${gateway.url}/app`);
  await until(() => count(gateway, "session_bound") > before, "the script binds the session");
  await page.waitForFunction("postern.session()?.bound === 'script'");
  return await page.evaluate("postern.session().sid");
}

const outliveAccess = () =>
  new Promise((resolve) => setTimeout(resolve, (ACCESS_SECONDS + 1) * 1000));

test("the script binds a session, refreshes it, and it lives on on pages without script, in tabs and a reopened browser", async () => {
  const profile = await Deno.makeTempDir({ prefix: "postern-profile-" });
  try {
    await onStage(async ({ gateway, browser }) => {
      const { context, page } = await browser({ profile });
      const sid = await signInBound(page, gateway);
      assert.equal((await gateway.store.readSession(sid))?.bound?.by, "script");
      const before = count(gateway, "refresh");
      await until(() => count(gateway, "refresh") > before, "it is refreshed ahead of time");
      assert.equal(await page.evaluate("postern.refresh()"), true);
      assert.equal(await page.evaluate("postern.fetch('/x').then((r) => r.status)"), 200);
      // Pages that load no script of ours: the key is proven on the way there.
      await page.goto(`${gateway.url}/plain/0`);
      for (const path of ["/transparent/plain?a=b", "/auth/account"]) {
        await outliveAccess();
        await page.goto(gateway.url + path);
        await page.waitForURL(gateway.url + path);
        assert.notEqual(await page.title(), "");
      }
      await outliveAccess();
      const tabs = await Promise.all(Array.from({ length: 5 }, () => context.newPage()));
      await Promise.all(tabs.map((tab) => openApp(tab, gateway)));
      for (const tab of tabs) {
        assert.equal(await tab.evaluate("postern.session()?.sid"), sid);
      }
      assert.equal(count(gateway, "refresh_reused"), 0);
      await context.close();
      await outliveAccess();
      const again = await browser({ profile });
      await openApp(again.page, gateway);
      assert.equal(await again.page.evaluate("postern.session()?.sid"), sid);
      assert.equal(count(gateway, "sign_in"), 1);
      assert.equal(count(gateway, "binding_failed"), 0);
    });
  } finally {
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
});

test("all cookies in another browser are dead when the access token ends, and the owner stays", async () => {
  await onStage(async ({ gateway, browser }) => {
    const owner = await browser();
    const sid = await signInBound(owner.page, gateway);
    const thief = await browser();
    await thief.context.addCookies(await owner.context.cookies());
    await outliveAccess();
    const cookies = await thief.context.cookies();
    const csrf = cookies.find(({ name }) => name === "postern-csrf")?.value ?? "";
    const headers = { "x-csrf-token": csrf };
    const tries = await Promise.all([
      thief.context.request.post(`${gateway.url}/auth/refresh`, { headers }),
      thief.context.request.post(`${gateway.url}/auth/bind`, { headers }),
      thief.context.request.post(`${gateway.url}/auth/dbsc/refresh`, { headers }),
      thief.context.request.get(`${gateway.url}/transparent/x`),
      thief.context.request.get(`${gateway.url}/x`),
    ]);
    assert.deepEqual(tries.map((each) => each.status()), [403, 403, 403, 401, 401]);
    assert.ok(tries.every((each) => each.headers()["set-cookie"] === undefined));
    for (const path of ["/plain", "/transparent/plain", "/auth/account"]) {
      await thief.page.goto(gateway.url + path);
      await thief.page.waitForURL(/\/auth\/login\?.*reason=key_missing/);
      await thief.page.getByRole("status").waitFor();
    }
    // A page of the app, too, is told that nobody is signed in.
    await thief.page.route(
      "**/app",
      (route) => route.fulfill({ contentType: "text/html", body: APP }),
    );
    await openApp(thief.page, gateway);
    assert.equal(await thief.page.evaluate("postern.session()"), null);
    await openApp(owner.page, gateway);
    assert.equal(await owner.page.evaluate("postern.session()?.sid"), sid);
    assert.equal(count(gateway, "session_revoked"), 0);
    assert.equal(count(gateway, "refresh_reused"), 0);
  });
});

test("a lost key, and no script at all, end at the sign-in page with words; signing in begins anew", async () => {
  await onStage(async ({ gateway, browser }) => {
    const { context, page } = await browser();
    const sid = await signInBound(page, gateway);
    await page.evaluate(`new Promise((resolve, reject) => {
      const gone = indexedDB.deleteDatabase("postern:/auth");
      gone.onsuccess = resolve;
      gone.onerror = gone.onblocked = reject;
    })`);
    await page.waitForFunction("told.includes('signedOut')");
    assert.equal(await page.evaluate("postern.session()"), null);
    await outliveAccess();
    const asked: string[] = [];
    page.on("request", (request) => request.isNavigationRequest() && asked.push(request.url()));
    await page.goto(`${gateway.url}/plain`);
    await page.waitForURL(/reason=key_missing/);
    assert.match(await page.getByRole("status").innerText(), /Please sign in again/);
    assert.deepEqual(
      asked.map((url) => new URL(url).pathname),
      ["/plain", "/auth/login", "/auth/renew", "/auth/login"],
    );
    const quiet = await browser({ javaScript: false });
    await quiet.context.addCookies(await context.cookies());
    await quiet.page.goto(`${gateway.url}/plain`);
    await quiet.page.waitForURL(/reason=key_missing/);
    await quiet.page.getByRole("status").waitFor();

    await signInOn(page);
    await page.waitForURL(`${gateway.url}/plain`);
    const before = count(gateway, "session_bound");
    await openApp(page, gateway);
    await until(() => count(gateway, "session_bound") > before, "the new session is bound");
    assert.notEqual(await page.evaluate("postern.session().sid"), sid);
  });
});

test("where the browser has bound the session itself, the script leaves it to it", async () => {
  const authority = await createCertificateAuthority();
  try {
    await onStage(async ({ gateway, browser }) => {
      const { page } = await browser({ boundSessions: { trusts: authority } });
      await page.goto(`${gateway.url}/auth/login?return_to=/app`);
      await signInOn(page);
      await page.waitForURL(`${gateway.url}/app`);
      await until(() => count(gateway, "session_bound") > 0, "the browser binds the session");
      await page.waitForFunction("window.ready === true");
      await outliveAccess();
      await outliveAccess();
      assert.equal(await page.evaluate("postern.refresh()"), true);
      assert.equal(await page.evaluate("postern.session().bound"), "dbsc");
      assert.ok(!(await page.evaluate<string[]>("told")).includes("signedOut"));
      assert.equal(count(gateway, "session_bound"), 1);
      assert.equal(count(gateway, "binding_failed"), 0);
    }, { tls: authority });
  } finally {
    await authority.dispose();
  }
});

test("a page for bound sessions opens with the key where the answer to the binding was lost", async () => {
  const kept = createMemoryStore();
  let isOut = true;
  const store = new Proxy(kept, {
    get: (target, name: keyof SessionStore) =>
      name === "rotate"
        ? (rotation: Rotation) =>
          isOut ? Promise.reject(new StoreUnavailableError("out")) : target.rotate(rotation)
        : target[name],
  });
  await onStage(async ({ gateway, browser }) => {
    const { page } = await browser();
    await page.goto(`${gateway.url}/auth/login?return_to=/app`);
    await signInOn(page);
    await page.waitForURL(`${gateway.url}/app`);
    await until(() => count(gateway, "session_bound") === 1, "the script binds the session");
    await until(() => count(gateway, "store_unavailable") > 0, "and hears nothing of it");
    isOut = false;
    // Its token says nothing of the key yet.
    const asked: string[] = [];
    page.on("request", (request) => request.isNavigationRequest() && asked.push(request.url()));
    await page.goto(`${gateway.url}/bound/plain`);
    await page.waitForURL(`${gateway.url}/bound/plain`);
    assert.equal(await page.title(), "Plain");
    assert.ok(asked.length <= 5, asked.join("\n"));
  }, {
    store,
    config: {
      tokens: { accessTtl: "10m" },
      routes: [{ path: "/bound/*", upstream: "app", require: { deviceBound: true } }, {
        path: "/*",
        upstream: "app",
      }],
    },
  });
  await kept.close();
});

test("switched off, nothing of it is there", async () => {
  await onStage(async ({ gateway, browser }) => {
    const { page } = await browser();
    await page.goto(`${gateway.url}/auth/login?return_to=/app`);
    await signInOn(page);
    await page.waitForURL(`${gateway.url}/app`);
    await page.waitForFunction("window.ready === true");
    assert.equal(await page.evaluate("postern.session().bound"), undefined);
    for (const path of ["/auth/bind", "/auth/renew"]) {
      const answer = await page.evaluate(async (path) => (await fetch(path)).status, path);
      assert.equal(answer, 404, path);
    }
    const answer = await page.goto(`${gateway.url}/plain`);
    const names = Object.keys(await answer?.allHeaders() ?? {});
    assert.ok(!names.some((name) => name.startsWith("secure-session")));
  }, { config: { deviceBinding: "off" } });
});
