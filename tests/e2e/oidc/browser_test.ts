/**
 * Signing in at a provider, as a person meets it in a real Chromium.
 */
import axe from "axe-core";
import assert from "node:assert/strict";
import { startChromium } from "../../support/chromium.ts";
import type { BrowserContext, Page } from "../../support/chromium.ts";
import { until } from "../../support/until.ts";
import { startHouse } from "./support.ts";
import type { OidcHouse } from "./support.ts";

/** Playwright keeps its pipe to a browser open for as long as it likes. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeResources: false, sanitizeOps: false });
}

async function withBrowser(
  options: Parameters<typeof startHouse>[0] & {
    readonly browser?: Parameters<typeof startChromium>[0];
  },
  body: (house: OidcHouse, page: Page, browser: BrowserContext) => Promise<void>,
): Promise<void> {
  const house = await startHouse(options);
  const browser = await startChromium(options.browser);
  try {
    await body(house, await browser.newPage(), browser);
  } finally {
    await browser.close();
    await house.stop();
  }
}

/** The provider's own page. */
async function signInAtProvider(page: Page, login: string): Promise<void> {
  await page.locator("input[name=login]").fill(login);
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
}

const BOTH = { gateway: { config: { identity: { kind: "demo" }, pages: { name: "Acme" } } } };

for (const javaScript of [true, false]) {
  const how = javaScript ? "with" : "without";
  test(`${how} JavaScript: there, back, and where one wanted to go`, async () => {
    await withBrowser({ browser: { javaScript } }, async ({ gateway, idp }, page) => {
      await page.goto(`${gateway.url}/reports?year=2026`);
      assert.ok(page.url().startsWith(idp.issuer), "straight on: there is nothing to choose");
      await signInAtProvider(page, "ada");
      await page.waitForURL(`${gateway.url}/reports?year=2026`);
      assert.match(await page.locator("body").innerText(), /"x-auth-subject":"ada"/);
    });
  });
}

test("a button for the provider beside the password form, and words when it was declined", async () => {
  await withBrowser(BOTH, async ({ gateway, idp }, page) => {
    await page.goto(`${gateway.url}/x`);
    await page.getByRole("link", { name: "Sign in with Example Work" }).click();
    assert.ok(page.url().startsWith(idp.issuer));
    await page.locator('a[href*="abort"]').click();
    await page.waitForURL(`${gateway.url}/auth/login**`);
    assert.match(await page.getByRole("alert").innerText(), /declined at Example Work/);
    await page.getByRole("link", { name: "Sign in with Example Work" }).click();
    await signInAtProvider(page, "ada");
    await page.waitForURL(`${gateway.url}/x`);
    assert.match(await page.locator("body").innerText(), /"x-auth-subject":"work\|ada"/);
  });
});

test("eight tabs, then one sign-in: each tab gets where it wanted to go", async () => {
  await withBrowser({}, async ({ gateway, idp }, first, browser) => {
    const pages = [first];
    while (pages.length < 8) pages.push(await browser.newPage());
    for (const [i, page] of pages.entries()) await page.goto(`${gateway.url}/tab/${i}`);
    assert.ok(pages.every((page) => page.url().startsWith(idp.issuer)));
    const cookies = await browser.cookies(gateway.url);
    assert.ok(cookies.filter(({ name }) => name.includes("flow")).length <= 6);
    for (const [i, page] of pages.entries()) {
      // The other tabs still show the provider's form, as tabs do.
      await signInAtProvider(page, "ada");
      await page.waitForURL(`${gateway.url}/tab/${i}`);
    }
    const query = { subject: "ada", after: null, limit: 20 };
    const { sessions } = await gateway.store.listSessions(query);
    assert.equal(sessions.length, 1);
  });
});

test("the back button after a sign-in leads on to the app", async () => {
  await withBrowser({}, async ({ gateway }, page) => {
    await page.goto(`${gateway.url}/here`);
    await signInAtProvider(page, "ada");
    await page.waitForURL(`${gateway.url}/here`);
    await page.goBack().catch(() => {});
    await page.goto(`${gateway.url}/auth/login?return_to=/here`);
    assert.equal(page.url(), `${gateway.url}/here`);
  });
});

test("signing out on the account page goes through the provider and ends at our page", async () => {
  await withBrowser({}, async ({ gateway, idp }, page) => {
    await page.goto(`${gateway.url}/auth/account`);
    await signInAtProvider(page, "ada");
    await page.waitForURL(`${gateway.url}/auth/account`);
    await page.getByRole("button", { name: "Sign out here" }).click();
    await page.waitForURL(`${idp.issuer}/session/end**`);
    await page.locator("button[name=logout]").click();
    await page.waitForURL(`${gateway.url}/auth/login**`);
    assert.match(await page.getByRole("status").innerText(), /You are signed out\./);
    await page.getByRole("link", { name: "Sign in with Example Work" }).click();
    await page.locator("input[name=login]").waitFor();
  });
});

test("the provider's own sign-out reaches an open page's next request", async () => {
  await withBrowser({}, async ({ gateway, idp }, page, browser) => {
    await page.goto(`${gateway.url}/open`);
    await signInAtProvider(page, "ada");
    await page.waitForURL(`${gateway.url}/open`);
    const other = await browser.newPage();
    await other.goto(`${idp.issuer}/session/end`);
    await other.locator("button[name=logout]").click();
    await until(
      () => gateway.events.some(({ event }) => event.event === "provider_logout"),
      "the provider has told us",
    );
    const status = await page.evaluate("fetch('/data').then(({ status }) => status)");
    assert.equal(status, 401);
  });
});

const VIEWS = [
  { name: "desktop-light", width: 1280, height: 800, dark: false },
  { name: "desktop-dark", width: 1280, height: 800, dark: true },
  { name: "phone-light", width: 390, height: 844, dark: false },
  { name: "phone-dark", width: 320, height: 640, dark: true },
] as const;

const ICON = "data:image/svg+xml;base64," +
  btoa(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="11" height="11" fill="#f35325"/>' +
      '<rect x="13" width="11" height="11" fill="#81bc06"/><rect y="13" width="11" height="11" fill="#05a6f0"/>' +
      '<rect x="13" y="13" width="11" height="11" fill="#ffba08"/></svg>',
  );

for (const { name, width, height, dark } of VIEWS) {
  test(`the page with several providers is accessible and fits: ${name}`, async () => {
    const other = {
      issuer: "http://localhost:9",
      clientId: "x",
      clientSecret: { env: "OTHER" },
      label: "Contoso Entra ID",
      icon: ICON,
    };
    const options = {
      browser: { viewport: { width, height }, dark },
      gateway: {
        config: {
          identity: { kind: "demo" },
          pages: { name: "Acme" },
          providers: { work: { ...other, label: "Keycloak", icon: undefined }, entra: other },
        },
      },
    };
    await withBrowser(options, async ({ gateway }, page) => {
      for (
        const [part, path] of [
          ["choose", "/auth/login?return_to=/x"],
          ["down", "/auth/oidc/entra/start?return_to=/x"],
        ]
      ) {
        await page.goto(`${gateway.url}${path}`);
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate("axe.run()") as axe.AxeResults;
        assert.deepEqual(violations.map(({ id }) => id), []);
        const overflow = await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        assert.equal(overflow, 0);
        const folder = Deno.env.get("POSTERN_SCREENSHOTS");
        if (folder !== undefined) {
          await page.screenshot({
            path: `${folder}/providers-${part}-${name}.png`,
            fullPage: true,
          });
        }
      }
    });
  });
}

for (const responseMode of ["query", "form_post"]) {
  test(`a provider on another site (${responseMode}): Lax cookies are enough`, async () => {
    const options = { idp: { host: "127.0.0.1" as const }, provider: { responseMode } };
    await withBrowser(options, async ({ gateway, idp }, page) => {
      await page.goto(`${gateway.url}/across`);
      assert.equal(new URL(page.url()).hostname, "127.0.0.1");
      await signInAtProvider(page, "ada");
      await page.waitForURL(`${gateway.url}/across`);
      assert.match(await page.locator("body").innerText(), /"x-auth-subject":"ada"/);
      assert.equal(idp.asked.get("/token"), 1, "the first flow was good; none had to begin anew");
    });
  });
}
