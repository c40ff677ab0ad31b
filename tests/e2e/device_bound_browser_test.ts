/**
 * Device-bound sessions in a real Chromium with software keys: what it does by itself, and
 * what copied cookies are still worth.
 */
import assert from "node:assert/strict";
import { createCertificateAuthority } from "../support/certificate_authority.ts";
import type { CertificateAuthority } from "../support/certificate_authority.ts";
import { type BrowserContext, type Page, signInOn, startChromium } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import type { SessionStore } from "../../src/store/port.ts";
import { StoreUnavailableError } from "../../src/base/errors.ts";
import { startUpstream } from "../support/upstream.ts";
import { until } from "../support/until.ts";

/** Short, so that it ends while a test runs. */
const ACCESS_SECONDS = 4;
/** For what is under way when the cookie ends; on a busy machine that takes its time. */
const TOLERANCE_SECONDS = 4;

interface Stand {
  readonly gateway: TestGateway;
  readonly authority: CertificateAuthority;
  /** Puts the store out of reach, or some of its methods, and back. */
  outage(isOut: boolean | readonly (keyof SessionStore)[]): void;
  /** A browser; `profile` is kept where it is named. A plain one binds nothing by itself. */
  browser(
    options?: { readonly profile?: string; readonly plain?: true },
  ): Promise<BrowserContext>;
}

/** A store that can be out of reach. */
function fragile(): { store: SessionStore; outage: Stand["outage"] } {
  const kept = createMemoryStore();
  let isOut: Parameters<Stand["outage"]>[0] = false;
  const store = new Proxy(kept, {
    get(target, name: keyof SessionStore) {
      const method = target[name];
      if (typeof method !== "function") return method;
      return (...args: never[]) =>
        (Array.isArray(isOut) ? isOut.includes(name) : isOut && name !== "close")
          ? Promise.reject(new StoreUnavailableError("out of reach"))
          : (method as (...args: never[]) => unknown).apply(target, args);
    },
  });
  return { store, outage: (value) => isOut = value };
}

async function onStage(act: (stand: Stand) => Promise<void>): Promise<void> {
  const authority = await createCertificateAuthority();
  const upstream = startUpstream();
  const { store, outage } = fragile();
  const gateway = await startGateway({
    tls: authority,
    upstream: upstream.url,
    store,
    clock: Object.assign(() => Date.now(), { advance() {} }),
    config: {
      deviceBinding: "offer",
      tokens: { accessTtl: `${ACCESS_SECONDS}s`, clockTolerance: `${TOLERANCE_SECONDS}s` },
      // A view of the store that is a little old is good enough while the store is out.
      revocation: { pollInterval: "1s", maxStaleness: "60s" },
      routes: [
        { path: "/public/*", upstream: "app", auth: "none" },
        { path: "/transparent/*", upstream: "app", refresh: "transparent" },
        { path: "/bound/*", upstream: "app", require: { deviceBound: true } },
        { path: "/*", upstream: "app" },
      ],
    },
  });
  const open: BrowserContext[] = [];
  try {
    await act({
      gateway,
      authority,
      outage,
      async browser({ plain, ...options } = {}) {
        const context = await startChromium({
          ...(plain === true ? {} : { boundSessions: { trusts: authority } }),
          ...options,
        });
        open.push(context);
        return context;
      },
    });
  } finally {
    outage(false);
    for (const context of open) await context.close();
    await gateway.stop();
    await store.close();
    await upstream.stop();
    await authority.dispose();
  }
}

async function firstPage(context: BrowserContext): Promise<Page> {
  return context.pages()[0] ?? await context.newPage();
}

const count = ({ events }: TestGateway, name: string) =>
  events.filter(({ event }) => event.event === name).length;

/** Signs in on the page, and waits until the browser has bound the session; its `sid`. */
async function signIn(page: Page, gateway: TestGateway): Promise<string> {
  const before = count(gateway, "session_bound");
  await page.goto(`${gateway.url}/auth/login?return_to=/things`);
  await signInOn(page);
  await page.waitForURL(`${gateway.url}/things`);
  await until(() => count(gateway, "session_bound") > before, "the browser binds the session");
  const event = gateway.events.findLast(({ event }) => event.event === "session_bound")?.event;
  assert.ok(event?.event === "session_bound");
  return event.sid;
}

async function statusOf(page: Page, url: string): Promise<number> {
  return await page.evaluate(async (url) => (await fetch(url)).status, url);
}

/** Lets the access token of now end. */
const outliveAccess = () =>
  new Promise((resolve) => setTimeout(resolve, (ACCESS_SECONDS + TOLERANCE_SECONDS + 1) * 1000));

Deno.test("a session is bound at sign-in, renews itself, and lives on in a reopened browser", async () => {
  const profile = await Deno.makeTempDir({ prefix: "postern-profile-" });
  try {
    await onStage(async ({ gateway, browser }) => {
      const context = await browser({ profile });
      const page = await firstPage(context);
      const sid = await signIn(page, gateway);
      assert.equal((await gateway.store.readSession(sid))?.bound?.by, "dbsc");
      await until(async () => {
        const cookies = await context.cookies();
        const access = cookies.find(({ name }) => name === "__Host-postern-access");
        return access !== undefined && access.expires - Date.now() / 1000 <= ACCESS_SECONDS;
      }, "the access cookie lives as long as its token");
      const before = count(gateway, "refresh");
      await outliveAccess();
      const answer = await page.goto(`${gateway.url}/things/later`);
      assert.equal(answer?.status(), 200, "nobody was sent to the sign-in page");
      assert.equal(await statusOf(page, "/things/by-script"), 200);
      assert.ok(count(gateway, "refresh") > before);
      await context.close();
      await outliveAccess();
      const reopened = await firstPage(await browser({ profile }));
      assert.equal((await reopened.goto(`${gateway.url}/things/again`))?.status(), 200);
      const record = await gateway.store.readSession(sid);
      assert.ok(record !== null && record.lastSeenAtMs > Date.now() - 5_000, "the same session");
      assert.deepEqual([count(gateway, "sign_in"), count(gateway, "binding_failed")], [1, 0]);
    });
  } finally {
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
});

Deno.test("all cookies in another browser are dead when the access token ends, and the owner stays", async () => {
  await onStage(async ({ gateway, browser }) => {
    const owner = await browser();
    const page = await firstPage(owner);
    const sid = await signIn(page, gateway);
    const thief = await browser();
    const stolen = await firstPage(thief);
    await until(
      async () => {
        await page.goto(`${gateway.url}/things`);
        await thief.addCookies(await owner.cookies());
        await stolen.goto(`${gateway.url}/things`);
        return stolen.url() === `${gateway.url}/things`;
      },
      "the copied access token is good until it ends",
      60_000,
    );
    await outliveAccess();
    // Both at once, by every way there is.
    const [theirs, ours] = await Promise.all([
      Promise.all([
        stolen.goto(`${gateway.url}/things`).then((answer) => answer?.status()),
        thief.request.post(`${gateway.url}/auth/refresh`, {
          ignoreHTTPSErrors: true,
          headers: {
            "x-csrf-token": (await thief.cookies()).find(({ name }) =>
              name === "__Host-postern-csrf"
            )?.value ??
              "",
          },
        }).then((answer) => answer.status()),
        thief.request.get(`${gateway.url}/transparent/x`, { ignoreHTTPSErrors: true })
          .then((answer) => answer.status()),
        thief.request.post(`${gateway.url}/auth/dbsc/refresh`, { ignoreHTTPSErrors: true })
          .then((answer) => answer.status()),
      ]),
      Promise.all([page.goto(`${gateway.url}/things`), page.evaluate(() => 0).catch(() => 0)]),
    ]);
    assert.deepEqual(theirs.slice(1), [403, 403, 403]);
    assert.match(stolen.url(), /\/auth\/login/);
    assert.equal(ours[0]?.status(), 200);
    await outliveAccess();
    assert.equal((await page.goto(`${gateway.url}/things`))?.status(), 200);
    assert.equal((await gateway.store.readSession(sid))?.sid, sid);
    assert.equal(count(gateway, "refresh_reused"), 0);
    assert.ok(count(gateway, "binding_failed") >= 2);
  });
});

Deno.test("ten tabs go on together, from one session and one chain of tokens", async () => {
  await onStage(async ({ gateway, browser }) => {
    const context = await browser();
    const first = await firstPage(context);
    const sid = await signIn(first, gateway);
    const tabs = await Promise.all(Array.from({ length: 9 }, () => context.newPage()));
    tabs.push(first);
    for (let round = 0; round < 2; round++) {
      await outliveAccess();
      const answers = await Promise.all(
        tabs.map((tab, index) => tab.goto(`${gateway.url}/things/${index}`)),
      );
      assert.deepEqual(answers.map((answer) => answer?.status()), Array(10).fill(200));
      const scripts = await Promise.all(tabs.map((tab) => statusOf(tab, "/things/by-script")));
      assert.deepEqual(scripts, Array(10).fill(200));
    }
    assert.equal((await gateway.store.readSession(sid))?.sid, sid);
    assert.deepEqual([count(gateway, "refresh_reused"), count(gateway, "binding_failed")], [0, 0]);
  });
});

Deno.test("after a sign-out the binding is over, and another sign-in begins one anew", async () => {
  await onStage(async ({ gateway, browser }) => {
    const page = await firstPage(await browser());
    const sid = await signIn(page, gateway);
    await page.goto(`${gateway.url}/auth/account`);
    await page.getByText("Bound to the device").waitFor();
    await page.getByRole("button", { name: "Sign out here" }).click();
    await page.waitForURL(/\/auth\/login/);
    assert.equal(await gateway.store.readSession(sid), null);
    await page.goto(`${gateway.url}/things`);
    await page.waitForURL(/\/auth\/login/);
    const again = await signIn(page, gateway);
    assert.notEqual(again, sid);
    await outliveAccess();
    assert.equal((await page.goto(`${gateway.url}/things`))?.status(), 200);
    assert.equal((await gateway.store.readSession(again))?.bound?.by, "dbsc");
  });
});

Deno.test("while the store is out of reach the browser keeps its binding, and comes back", async () => {
  await onStage(async ({ gateway, browser, outage }) => {
    const page = await firstPage(await browser());
    const sid = await signIn(page, gateway);
    outage(true);
    await outliveAccess();
    // Nobody can renew anything; the person is told so, and signed out of nothing.
    const during = await page.goto(`${gateway.url}/things`);
    assert.equal(during?.status(), 503);
    outage(false);
    await until(
      async () => {
        const answer = await page.goto(`${gateway.url}/things`);
        return answer?.status() === 200 && page.url() === `${gateway.url}/things`;
      },
      "the same browser is let in again",
      60_000,
    );
    assert.equal(count(gateway, "sign_in"), 1);
    assert.equal((await gateway.store.readSession(sid))?.sid, sid);
  });
});

Deno.test("a registration in an outage of the store is made up for at the first renewal", async () => {
  await onStage(async ({ gateway, browser, outage }) => {
    const context = await browser();
    const page = await firstPage(context);
    await page.goto(`${gateway.url}/auth/login?return_to=/public/x`);
    // The sign-in still gets through; what follows it does not, however soon it comes.
    outage(["readSession", "bind", "rotate"]);
    await signInOn(page);
    await page.waitForURL(`${gateway.url}/public/x`);
    await until(async () => {
      const cookies = await context.cookies();
      const access = cookies.find(({ name }) => name === "__Host-postern-access");
      return access === undefined || access.expires - Date.now() / 1000 <= ACCESS_SECONDS;
    }, "the access cookie goes with its token");
    assert.equal(count(gateway, "session_bound"), 0);
    outage(false);
    await until(
      async () => {
        await page.goto(`${gateway.url}/things`);
        return count(gateway, "session_bound") > 0;
      },
      "the browser has bound its session",
      40_000,
    );
    await outliveAccess();
    assert.equal((await page.goto(`${gateway.url}/things`))?.status(), 200);
    assert.deepEqual([count(gateway, "sign_in"), count(gateway, "refresh_reused")], [1, 0]);
  });
});

Deno.test("an old access cookie that another tab left behind keeps nobody from going on", async () => {
  await onStage(async ({ gateway, browser }) => {
    const context = await browser();
    const page = await firstPage(context);
    await signIn(page, gateway);
    const access = async () =>
      (await context.cookies()).find(({ name }) => name === "__Host-postern-access");
    await page.goto(`${gateway.url}/things`);
    const held = await access();
    assert.ok(held !== undefined);
    await outliveAccess();
    // As an answer that was on its way while the session was being bound.
    await context.addCookies([{ ...held, expires: Date.now() / 1000 + 86_400 }]);
    await page.goto(`${gateway.url}/things/later`);
    assert.equal(page.url(), `${gateway.url}/things/later`);
    const now = await access();
    assert.ok(now !== undefined && now.value !== held.value);
    assert.equal(count(gateway, "sign_in"), 1);
  });
});

Deno.test("a page for bound sessions alone waits until the browser has bound it, by itself or by script", async () => {
  await onStage(async ({ gateway, browser }) => {
    // One that binds sessions, and one that does not: there the script does it.
    for (const [by, ...how] of [["dbsc"], ["script", { plain: true }]] as const) {
      const page = await firstPage(await browser(...how));
      await page.goto(`${gateway.url}/auth/login?return_to=/bound/page`);
      await signInOn(page);
      await page.waitForURL(`${gateway.url}/bound/page`, { timeout: 60_000 });
      const sessions = await page.evaluate(async () => (await fetch("/auth/sessions")).json());
      const current = sessions.sessions.find((each: { current: boolean }) => each.current);
      assert.equal(current.bound, by);
    }
  });
});
