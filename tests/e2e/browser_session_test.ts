/**
 * The life of a session in a real browser: cookies, the script for front ends,
 * several tabs and devices, and pages that mean harm.
 */
import assert from "node:assert/strict";
import { localhostCertificate, signInOn, startChromium } from "../support/chromium.ts";
import type { BrowserContext, Page } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway, TestGatewayOptions } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";
import type { RecordingUpstream } from "../support/upstream.ts";
import { until } from "../support/until.ts";

/** Playwright keeps its pipe to a browser open for as long as it likes. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeResources: false, sanitizeOps: false });
}

/** An app that uses the script, and notes what it is told. */
const APP = `<!doctype html><html lang="en"><title>App</title><h1>App</h1>
<link rel="stylesheet" href="/style.css"><img src="/image.svg" alt=""><script src="/plain.js"></script>
<script type="module">
import { createPostern } from "/auth/client.js";
window.told = [];
window.postern = createPostern();
for (const event of ["signedIn", "refreshed", "signedOut"]) {
  postern.on(event, (detail) => told.push([event, detail?.sid ?? null]));
}
window.session = await postern.ready;
window.ready = true;
</script></html>`;

const ASSETS: Readonly<Record<string, readonly [type: string, body: string]>> = {
  "/style.css": ["text/css", "h1 { color: rgb(1, 2, 3); }"],
  "/image.svg": ["image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>'],
  "/plain.js": ["text/javascript", "window.plain = true;"],
};

function startApp(): RecordingUpstream {
  return startUpstream((request, { target }) => {
    const asset = ASSETS[target];
    if (asset !== undefined) {
      return new Response(asset[1], { headers: { "content-type": asset[0] } });
    }
    if (request.headers.get("upgrade") === "websocket") {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onopen = () => socket.send("private");
      return response;
    }
    return target.startsWith("/app")
      ? new Response(APP, { headers: { "content-type": "text/html" } })
      : null;
  });
}

interface Stage {
  readonly gateway: TestGateway;
  readonly upstream: RecordingUpstream;
  readonly browser: BrowserContext;
  readonly page: Page;
}

async function onStage(
  act: (stage: Stage) => Promise<void>,
  options: TestGatewayOptions & { readonly profile?: string } = {},
): Promise<void> {
  const upstream = startApp();
  const { profile, ...rest } = options;
  const gateway = await startGateway({
    upstream: upstream.url,
    ...rest,
    config: {
      revocation: { pollInterval: "100ms", maxStaleness: "5s" },
      routes: [{ path: "/*", upstream: "app", refresh: "transparent" }],
      ...options.config,
    },
  });
  const browser = await startChromium(profile === undefined ? {} : { profile });
  try {
    await act({ gateway, upstream, browser, page: await browser.newPage() });
  } finally {
    await browser.close();
    await gateway.stop();
    await upstream.stop();
  }
}

async function openApp(page: Page, gateway: TestGateway, path = "/app"): Promise<void> {
  await page.goto(gateway.url + path);
  if (new URL(page.url()).pathname === "/auth/login") await signInOn(page);
  await page.waitForFunction("window.ready === true");
}

function eventsOf(gateway: TestGateway, name: string) {
  return gateway.events.map(({ event }) => event).filter(({ event }) => event === name);
}

function rotations(gateway: TestGateway): number {
  return eventsOf(gateway, "refresh").filter((event) => "replayed" in event && !event.replayed)
    .length;
}

const told = (page: Page) =>
  page.evaluate("told.map(([event]) => event)") as Promise<readonly string[]>;

for (const scheme of ["http", "https"] as const) {
  test(`cookies as ${scheme}://localhost gets them, and what a script can see of them`, async () => {
    const tls = scheme === "https" ? { tls: await localhostCertificate() } : {};
    await onStage(async ({ gateway, browser, page }) => {
      await openApp(page, gateway);
      assert.equal(new URL(page.url()).protocol, `${scheme}:`);
      const secure = scheme === "https";
      const prefix = secure ? "__Host-" : "";
      const cookies = await browser.cookies();
      const flags = cookies.map(({ name, httpOnly, secure, sameSite, path, domain }) => ({
        name,
        httpOnly,
        secure,
        sameSite,
        path,
        domain,
      })).sort((a, b) => a.name.localeCompare(b.name));
      const common = { secure, sameSite: "Lax", path: "/", domain: "localhost" };
      assert.deepEqual(flags, [
        { name: `${prefix}postern-access`, httpOnly: true, ...common },
        { name: `${prefix}postern-csrf`, httpOnly: false, ...common },
        { name: `${prefix}postern-device`, httpOnly: true, ...common },
        { name: `${prefix}postern-refresh`, httpOnly: true, ...common },
      ]);
      const days = cookies.map(({ expires }) => Math.round((expires - Date.now() / 1000) / 86_400));
      assert.deepEqual(days.sort(), [30, 30, 30, 400], "they outlive the browser's windows");

      const visible = await page.evaluate(`(async () => {
        const refreshed = await fetch("/auth/refresh", {
          method: "POST",
          headers: { "x-csrf-token": postern.session().csrfToken },
        });
        return JSON.stringify([
          document.cookie,
          await cookieStore.getAll(),
          [...refreshed.headers],
          await refreshed.text(),
          { ...localStorage },
          performance.getEntries(),
          refreshed.status,
        ]);
      })()`) as string;
      assert.match(visible, /postern-csrf=v1\./);
      assert.match(visible, /,200\]$/);
      assert.doesNotMatch(visible, /eyJ|postern-access|postern-refresh/, "no token in sight");

      await page.evaluate("postern.signOut()");
      const left = (await browser.cookies()).map(({ name }) => name);
      assert.deepEqual(left, [`${prefix}postern-device`], "cleared with all their attributes");
    }, tls);
  });
}

test("ten days later, in a reopened browser, one is simply still signed in", async () => {
  const profile = await Deno.makeTempDir({ prefix: "postern-profile-" });
  await onStage(async ({ gateway, browser, page, upstream }) => {
    await openApp(page, gateway);
    await browser.close();

    gateway.clock.advance(10 * 24 * 3600_000);
    const reopened = await startChromium({ profile });
    try {
      upstream.seen.length = 0;
      const again = await reopened.newPage();
      await openApp(again, gateway);
      assert.equal(again.url(), `${gateway.url}/app`);
      assert.equal(rotations(gateway), 1, "one rotation for the page and all that it loads");
      const loaded = await again.evaluate(
        "[window.plain, document.images[0].naturalWidth, getComputedStyle(document.querySelector('h1')).color]",
      );
      assert.deepEqual(loaded, [true, 7, "rgb(1, 2, 3)"]);
      assert.deepEqual(await told(again), ["signedIn"]);
      for (const { headers } of upstream.seen) {
        assert.equal(headers.get("x-auth-subject"), "demo");
        assert.doesNotMatch(headers.get("cookie") ?? "", /postern/);
      }

      gateway.clock.advance(31 * 24 * 3600_000);
      await again.goto(`${gateway.url}/app?page=2`);
      assert.match(await again.getByRole("status").innerText(), /expired/);
      await signInOn(again);
      assert.equal(again.url(), `${gateway.url}/app?page=2`);
    } finally {
      await reopened.close();
    }
  }, { profile });
  await Deno.remove(profile, { recursive: true });
});

test("ten sub-resources that find the access token expired rotate once and all succeed", async () => {
  await onStage(async ({ gateway, page }) => {
    await openApp(page, gateway);
    gateway.clock.advance(31 * 60_000);
    const statuses = await page.evaluate(
      `Promise.all(Array.from({ length: 10 }, (_, i) => fetch("/data/" + i).then((r) => r.status)))`,
    );
    assert.deepEqual(statuses, Array(10).fill(200));
    assert.equal(rotations(gateway), 1);
  });
});

test("ten tabs that wake at once rotate once, and nobody is signed out", async () => {
  await onStage(async ({ gateway, browser, page }) => {
    await openApp(page, gateway);
    const tabs = [page];
    while (tabs.length < 10) tabs.push(await browser.newPage());
    await Promise.all(tabs.slice(1).map((tab) => openApp(tab, gateway)));
    gateway.clock.advance(31 * 60_000);
    const statuses = await Promise.all(tabs.map((tab) =>
      tab.evaluate(
        `postern.fetch("/api", { method: "POST", body: "x" }).then((response) => response.status)`,
      )
    ));
    assert.deepEqual(statuses, Array(10).fill(200));
    assert.equal(rotations(gateway), 1, "one refresh for all tabs");
    assert.equal(eventsOf(gateway, "refresh_reused").length, 0);
    await until(
      async () => (await Promise.all(tabs.map(told))).every((all) => all.includes("refreshed")),
      "every tab knows of the new tokens",
    );
    for (const tab of tabs) assert.ok(!(await told(tab)).includes("signedOut"));

    await page.evaluate("postern.signOut()");
    await until(
      async () => (await Promise.all(tabs.map(told))).every((all) => all.at(-1) === "signedOut"),
      "every tab knows that one of them signed out",
    );
    // No route is transparent for a session that has gone, and nothing loops.
    const before = gateway.events.length;
    assert.equal(await page.evaluate("postern.fetch('/api').then((r) => r.status)"), 401);
    assert.ok(gateway.events.length - before <= 3);
  }, { config: { routes: [{ path: "/*", upstream: "app" }] } });
});

test("a token of 30 minutes is refreshed in its 29th, also after a sleep and a change of the clock", async () => {
  await onStage(async ({ gateway, page }) => {
    await page.clock.install({ time: gateway.clock() });
    const pass = async (seconds: number) => {
      gateway.clock.advance(seconds * 1000);
      await page.clock.runFor(seconds * 1000);
      // What the script asked for must have come back before time goes on.
      await new Promise((resolve) => setTimeout(resolve, 250));
    };
    await openApp(page, gateway);
    for (let minutes = 0; minutes < 28; minutes += 4) await pass(240);
    assert.equal(rotations(gateway), 0, "not in the 28th minute");
    await pass(45);
    for (let seconds = 0; seconds < 20; seconds += 5) await pass(5);
    await until(() => rotations(gateway) === 1, "refreshed in the 29th");

    // A laptop that was asleep: timers stood still, and all at once it is hours later.
    gateway.clock.advance(5 * 3600_000);
    await page.clock.fastForward(5 * 3600_000);
    await until(() => rotations(gateway) === 2, "refreshed after waking up");
    // Somebody sets the machine's clock a day ahead: the token is as old as it was.
    await page.clock.setSystemTime(gateway.clock() + 24 * 3600_000);
    assert.equal(await page.evaluate("postern.fetch('/api').then((r) => r.status)"), 200);
    assert.ok(!(await told(page)).includes("signedOut"));
  });
});

test("a tab learns that its session was ended on another device", async () => {
  await onStage(async ({ gateway, page }) => {
    await openApp(page, gateway);
    const other = await startChromium();
    try {
      const otherPage = await other.newPage();
      await otherPage.goto(`${gateway.url}/auth/account`);
      await signInOn(otherPage);
      await otherPage.getByRole("button", { name: "Sign out Chrome on Linux" }).click();
      await otherPage.getByRole("status").waitFor();
    } finally {
      await other.close();
    }
    assert.equal(await page.evaluate("postern.fetch('/api').then((r) => r.status)"), 401);
    await until(async () => (await told(page)).at(-1) === "signedOut", "the tab knows");
    assert.equal(await page.evaluate("postern.session()"), null);
  });
});

test("a tab that nobody touches learns it too, within a minute", async () => {
  await onStage(async ({ gateway, page }) => {
    await page.clock.install({ time: gateway.clock() });
    await openApp(page, gateway);
    const sid = await page.evaluate("session.sid") as string;
    await gateway.store.revokeSession({
      sid,
      subject: "demo",
      denyForMs: 3600_000,
      mustExist: false,
    });
    gateway.clock.advance(61_000);
    await page.clock.runFor(61_000);
    await until(async () => (await told(page)).at(-1) === "signedOut", "the tab knows");
  });
});

test("a page that means harm gets nothing through, from another site or another port", async () => {
  await onStage(async ({ gateway, upstream, browser, page }) => {
    await openApp(page, gateway);
    const sid = await page.evaluate("session.sid") as string;
    const { url } = gateway;
    const hostile = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response(hostilePage(url), { headers: { "content-type": "text/html" } }),
    );
    const { port } = hostile.addr;
    // 127.0.0.1 is another site; another port of localhost is the same site, where cookies go along.
    for (const origin of [`http://127.0.0.1:${port}`, `http://localhost:${port}`]) {
      upstream.seen.length = 0;
      const victim = await browser.newPage();
      await victim.goto(origin);
      await victim.waitForFunction("window.done === true");
      const results = await victim.evaluate("window.results") as Record<string, string>;
      for (const [attack, result] of Object.entries(results)) {
        assert.match(result, /^(blocked|opaque)$/, `${origin}: ${attack}`);
      }
      // Form posts in frames; what the frames show stays out of reach and empty.
      await new Promise((resolve) => setTimeout(resolve, 500));
      for (const frame of victim.frames().slice(1)) {
        // Whether its own pages may be framed is for the upstream to say.
        if (frame.url() === `${url}/`) continue;
        const text = await frame.evaluate("document.body?.innerText ?? ''") as string;
        assert.doesNotMatch(text, /App|Your devices|private/i, `${origin}: ${frame.url()}`);
      }
      const unsafe = upstream.seen.filter(({ method }) =>
        !["GET", "HEAD", "OPTIONS"].includes(method)
      );
      assert.deepEqual(unsafe, [], origin);
      assert.ok(
        upstream.seen.every(({ headers }) => headers.get("upgrade") === null),
        `${origin}: no WebSocket`,
      );
      await victim.close();
    }
    await hostile.shutdown();
    assert.equal((await gateway.store.readSession(sid))?.sid, sid, "the session stands");
    assert.equal(
      await page.evaluate("postern.fetch('/api', { method: 'POST' }).then((r) => r.status)"),
      200,
    );
    assert.equal(eventsOf(gateway, "sign_in").length, 1, "nobody was signed in as somebody else");
  });
});

/** Everything that a page can try without reading answers. */
function hostilePage(target: string): string {
  return `<!doctype html><title>Win a prize</title><body><script type="module">
const target = ${JSON.stringify(target)};
const results = window.results = {};
const attempt = async (name, act) => {
  try { results[name] = await act(); } catch { results[name] = "blocked"; }
};
const kind = (response) => response.type === "opaque" ? "opaque" : "read " + response.status;
for (const path of ["/api", "/auth/logout", "/auth/logout/all", "/auth/refresh", "/auth/login", "/auth/account/sign-out"]) {
  for (const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"]) {
    await attempt("fetch " + path + " " + type, async () => kind(await fetch(target + path, {
      method: "POST", mode: "no-cors", credentials: "include",
      headers: { "content-type": type }, body: "username=demo&password=postern",
    })));
  }
  await attempt("cors " + path, async () => kind(await fetch(target + path, {
    method: "POST", credentials: "include",
    headers: { "content-type": "application/json", "x-csrf-token": "v1." + "A".repeat(43) }, body: "{}",
  })));
}
await attempt("read session", async () => kind(await fetch(target + "/auth/session", { credentials: "include" })));
await attempt("read page", async () => kind(await fetch(target + "/app", { credentials: "include" })));
await attempt("script", () => import(target + "/auth/client.js").then(() => "loaded"));
await attempt("beacon", async () => { navigator.sendBeacon(target + "/api", "x=1"); return "opaque"; });
await attempt("image", () => new Promise((resolve) => {
  const image = new Image();
  image.onload = image.onerror = () => resolve("opaque");
  image.src = target + "/auth/logout";
}));
await attempt("socket", () => new Promise((resolve) => {
  const socket = new WebSocket(target.replace("http", "ws") + "/socket");
  socket.onmessage = ({ data }) => resolve("read " + data);
  socket.onerror = () => resolve("blocked");
}));
for (const path of ["/auth/login", "/auth/account"]) {
  const frame = document.createElement("iframe");
  frame.src = target + path;
  document.body.append(frame);
}
for (const path of ["/api", "/auth/logout", "/auth/login", "/auth/account/sign-out-everywhere"]) {
  for (const enctype of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"]) {
    const frame = document.createElement("iframe");
    frame.name = path + enctype;
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: target + path, enctype, target: frame.name });
    form.innerHTML = '<input name="username" value="demo"><input name="password" value="postern">';
    document.body.append(frame, form);
    form.submit();
  }
}
setTimeout(() => window.done = true, 300);
</script></body>`;
}
