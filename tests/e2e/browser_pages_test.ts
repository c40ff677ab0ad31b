/**
 * The pages, as a person meets them in a real browser.
 */
import axe from "axe-core";
import assert from "node:assert/strict";
import { DEMO_TARGET, demoFetch } from "../../src/demo/upstream.ts";
import { signInOn, startChromium } from "../support/chromium.ts";
import type { BrowserContext, ChromiumOptions, Page } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway, TestGatewayOptions } from "../support/gateway.ts";
import { report } from "../support/report.ts";
import { startUpstream } from "../support/upstream.ts";

/** Playwright keeps its pipe to a browser open for as long as it likes. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeResources: false, sanitizeOps: false });
}

async function withGateway(
  act: (gateway: TestGateway, browser: BrowserContext, page: Page) => Promise<void>,
  options: TestGatewayOptions & { readonly browser?: ChromiumOptions } = {},
): Promise<void> {
  const upstream = startUpstream((_request, seen) =>
    new Response(
      `<!doctype html><html lang="en"><title>Private</title><h1>Private ${seen.target}</h1>`,
      {
        headers: { "content-type": "text/html" },
      },
    )
  );
  const gateway = await startGateway({
    upstream: upstream.url,
    ...options,
    config: {
      pages: { name: "Acme" },
      routes: [
        { path: "/public/*", upstream: "app", auth: "none" },
        { path: "/*", upstream: "app", refresh: "transparent" },
      ],
      ...options.config,
    },
  });
  const browser = await startChromium(options.browser);
  try {
    await act(gateway, browser, await browser.newPage());
  } finally {
    await browser.close();
    await gateway.stop();
    await upstream.stop();
  }
}

for (const javaScript of [true, false]) {
  const how = javaScript ? "with" : "without";
  test(`${how} JavaScript: sent to sign in, told what was wrong, and back where one wanted to go`, async () => {
    await withGateway(async ({ url }, _browser, page) => {
      await page.goto(`${url}/reports/7?year=2026`);
      assert.equal(new URL(page.url()).pathname, "/auth/login");
      assert.equal(await page.title(), "Sign in to Acme");

      await signInOn(page, "wrong");
      const alert = page.getByRole("alert");
      assert.match(await alert.innerText(), /User name or password is not right/);
      assert.match(await page.title(), /^User name or password is not right/);
      assert.equal(await page.getByLabel("User name").inputValue(), "demo", "the name is kept");
      assert.equal(await page.getByLabel("Password").inputValue(), "");
      assert.equal(await page.getByLabel("Password").getAttribute("aria-invalid"), "true");

      await signInOn(page);
      assert.equal(page.url(), `${url}/reports/7?year=2026`);
      assert.equal(await page.locator("h1").innerText(), "Private /reports/7?year=2026");
      // Somebody who is signed in has no use for the sign-in page.
      await page.goto(`${url}/auth/login?return_to=/here`);
      assert.equal(page.url(), `${url}/here`);
    }, { browser: { javaScript } });
  });
}

test("throttled, expired and unavailable have their own words", async () => {
  await withGateway(async ({ url, clock }, browser, page) => {
    await page.goto(`${url}/`);
    await signInOn(page);
    clock.advance(31 * 24 * 3600_000);
    await page.goto(`${url}/far/away`);
    assert.match(await page.getByRole("status").innerText(), /session has expired/);
    assert.deepEqual(await sessionCookies(browser), [], "what is good for nothing is taken away");
    await signInOn(page, "wrong");
    await signInOn(page, "wrong");
    const answered = page.waitForResponse((response) => response.request().method() === "POST");
    await signInOn(page);
    const response = await answered;
    assert.equal(response.status(), 429);
    assert.match(response.headers()["retry-after"] ?? "", /^\d+$/);
    assert.match(await page.getByRole("alert").innerText(), /Too many failed attempts/);
    clock.advance(16 * 60_000);
    await signInOn(page);
    assert.equal(page.url(), `${url}/far/away`);
  }, { config: { throttle: { perUser: 2 } } });
  await withGateway(async ({ url }, _browser, page) => {
    await page.goto(`${url}/`);
    await signInOn(page);
    assert.match(await page.getByRole("alert").innerText(), /not possible at the moment/);
  }, {
    identity: {
      authenticate: () => Promise.resolve({ kind: "unavailable", reason: "asleep" }),
    },
  });
});

test("devices: this one is marked, another can be signed out, and then all", async () => {
  await withGateway(async ({ url }, browser, page) => {
    const other = await startChromium({ javaScript: false });
    try {
      const otherPage = await other.newPage();
      await otherPage.goto(`${url}/one`);
      await signInOn(otherPage);
      await page.goto(`${url}/auth/account`);
      await signInOn(page);
      assert.equal(page.url(), `${url}/auth/account`);
      const devices = page.getByRole("listitem");
      assert.equal(await devices.count(), 2);
      assert.match(await devices.first().innerText(), /Chrome on Linux\s*This device/);
      assert.doesNotMatch(await page.innerText("main"), /127\.0\.0\.1/);

      await page.getByRole("button", { name: "Sign out Chrome on Linux" }).click();
      assert.match(await page.getByRole("status").innerText(), /device is signed out/);
      assert.equal(await devices.count(), 1);
      await otherPage.goto(`${url}/two`);
      assert.equal(new URL(otherPage.url()).pathname, "/auth/login");

      await signInOn(otherPage);
      assert.equal(otherPage.url(), `${url}/two`);
      await page.getByRole("button", { name: "Sign out everywhere" }).click();
      assert.match(await page.getByRole("status").innerText(), /You are signed out/);
      assert.deepEqual(await sessionCookies(browser), []);
      await otherPage.goto(`${url}/three`);
      assert.equal(new URL(otherPage.url()).pathname, "/auth/login");
    } finally {
      await other.close();
    }
  });
});

test("the back button after a sign-out shows nothing private", async () => {
  await withGateway(async ({ url }, _browser, page) => {
    await page.goto(`${url}/secret`);
    await signInOn(page);
    await page.goto(`${url}/other-secret`);
    await page.goto(`${url}/auth/account`);
    await page.getByRole("button", { name: "Sign out here" }).click();
    await page.waitForURL(/reason=signed_out/);
    for (let steps = 0; steps < 3; steps++) {
      await page.goBack();
      const text = await page.innerText("body");
      assert.doesNotMatch(text, /Private|Your devices/, `${steps + 1} back: ${text}`);
    }
  });
});

test("the sign-in page sends nobody to another site", async () => {
  await withGateway(async ({ url }, browser, page) => {
    const targets = [
      "https://evil.example/",
      "//evil.example",
      "/\\evil.example",
      "/%5cevil.example",
      "/\t/evil.example",
      "javascript:alert(1)",
      "/auth/login?return_to=/auth/login",
      "\\\\evil.example",
    ];
    for (const target of targets) {
      await browser.clearCookies();
      await page.goto(`${url}/auth/login?return_to=${encodeURIComponent(target)}`);
      await signInOn(page);
      assert.equal(page.url(), `${url}/`, target);
    }
  });
});

test("the pages speak the browser's language, and the configuration's", async () => {
  await withGateway(async ({ url }, _browser, page) => {
    await page.goto(`${url}/auth/login`);
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
    assert.equal(await page.locator("h1").innerText(), "Bei Acme anmelden");
  }, { browser: { locale: "de-AT" } });
  await withGateway(async ({ url }, _browser, page) => {
    await page.goto(`${url}/auth/login`);
    assert.equal(await page.locator("html").getAttribute("lang"), "fr");
    assert.equal(await page.locator("h1").innerText(), "Entrer chez <Acme> & fils");
  }, {
    config: {
      pages: {
        name: "<Acme> & fils",
        language: "fr",
        color: "#ffcc00",
        logo: "/public/logo.svg",
        texts: { fr: { signInTo: "Entrer chez {name}" } },
      },
    },
  });
});

async function violations(page: Page): Promise<string[]> {
  // What a page's own policy forbids is no obstacle here: this goes in by the debugger.
  await page.evaluate(axe.source);
  const results = await page.evaluate("axe.run({ runOnly: undefined })") as axe.AxeResults;
  return results.violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ target }) => target).join(", ")}`
  );
}

const askDemo = demoFetch;

const VIEWS = [
  { name: "desktop-light", width: 1280, height: 800, dark: false },
  { name: "desktop-dark", width: 1280, height: 800, dark: true },
  { name: "phone-light", width: 390, height: 844, dark: false },
  { name: "phone-dark", width: 320, height: 640, dark: true },
];

for (const { name, dark, ...viewport } of VIEWS) {
  test(`every page is accessible and fits: ${name}`, async () => {
    const folder = Deno.env.get("POSTERN_SCREENSHOTS");
    const demo = startUpstream(({ method, headers }, { target, body }) =>
      askDemo(DEMO_TARGET + target, { method, headers, body: method === "GET" ? null : body })
    );
    async function look(page: Page, what: string): Promise<void> {
      assert.deepEqual(await violations(page), [], what);
      const overflow = "document.documentElement.scrollWidth - innerWidth";
      assert.ok(Number(await page.evaluate(overflow)) <= 0, `${what} is wider than the screen`);
      if (folder !== undefined) {
        await page.screenshot({ path: `${folder}/${what}-${name}.png`, fullPage: true });
      }
    }
    await withGateway(async ({ url }, _browser, page) => {
      const errors: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      await page.goto(`${url}/`);
      await look(page, "sign-in");
      // The keyboard alone: the name has the focus, then the password, then the button.
      await page.keyboard.type("demo");
      await page.keyboard.press("Tab");
      await page.keyboard.type("wrong");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").waitFor();
      await look(page, "sign-in-wrong");
      await page.keyboard.type("postern");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.getByText("s left").waitFor();
      await page.getByText("x-auth-subject: demo").waitFor();
      await look(page, "demo");
      await page.goto(`${url}/auth/account`);
      await look(page, "account");
      assert.deepEqual(
        errors.filter((text) => !text.includes("401")),
        [],
        "no errors in the console",
      );
    }, {
      config: { upstreams: { app: { targets: [demo.url], assertion: true } } },
      browser: { dark, viewport },
    });
    await demo.stop();
    if (folder !== undefined) report(`screenshots are in ${folder}`);
  });
}

test("after signing in an app whose pages are told apart by fragments opens where one wanted to go", async () => {
  await withGateway(async ({ url }, _browser, page) => {
    await page.goto(`${url}/reports?year=2026#/q3/chart`);
    assert.equal(new URL(page.url()).pathname, "/auth/login");
    await page.getByLabel("User name").fill("demo");
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Password").fill("postern");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(`${url}/reports?year=2026#/q3/chart`);
  });
});

test("a first page that leads on to another site is reached right after signing in", async () => {
  const elsewhere = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () =>
      new Response("<!doctype html><title>Files</title>", {
        headers: { "content-type": "text/html" },
      }),
  );
  const files = `http://127.0.0.1:${elsewhere.addr.port}/files`;
  const upstream = startUpstream(() => Response.redirect(files, 302));
  const gateway = await startGateway({ upstream: upstream.url });
  const browser = await startChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`${gateway.url}/go`);
    await signInOn(page);
    await page.waitForURL(files);
    assert.equal(await page.title(), "Files");
  } finally {
    await browser.close();
    await gateway.stop();
    await upstream.stop();
    await elsewhere.shutdown();
  }
});

/** All of ours but the device's, which outlives its sessions and signs nobody in. */
async function sessionCookies(
  browser: { cookies(): Promise<readonly { readonly name: string }[]> },
): Promise<string[]> {
  return (await browser.cookies()).map(({ name }) => name)
    .filter((name) => !name.endsWith("postern-device"));
}
