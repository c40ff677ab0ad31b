/**
 * The sign-in page in a real Chromium, where front servers, fragments, redirects to
 * elsewhere and sibling subdomains get in its way.
 */
import assert from "node:assert/strict";
import { signInOn, startChromium } from "../../support/chromium.ts";
import type { BrowserContext } from "../../support/chromium.ts";
import { startGateway } from "../../support/gateway.ts";
import type { TestGateway } from "../../support/gateway.ts";
import { startNginx } from "../../support/nginx.ts";
import { freePort } from "../../support/ports.ts";
import { startUpstream } from "../../support/upstream.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeResources: false, sanitizeOps: false });
}

/** A page of another origin, as a file store or another app would be. */
function startElsewhere() {
  return startUpstream(() =>
    new Response("elsewhere", { headers: { "content-type": "text/html" } })
  );
}

async function withBrowser(
  act: (parts: {
    readonly browser: BrowserContext;
    readonly gateway: TestGateway;
    readonly elsewhere: string;
  }) => Promise<void>,
  javaScript = true,
): Promise<void> {
  const elsewhere = startElsewhere();
  const backend = startUpstream((_request, { target }) =>
    target.startsWith("/go")
      ? Response.redirect(`${elsewhere.url}/file`, 302)
      : new Response(`<title>${target}</title><p id="at">arrived`, {
        headers: { "content-type": "text/html" },
      })
  );
  const gateway = await startGateway({ upstream: backend.url });
  const browser = await startChromium({ javaScript });
  try {
    await act({ browser, gateway, elsewhere: elsewhere.url });
  } finally {
    await browser.close();
    await gateway.stop();
    await backend.stop();
    await elsewhere.stop();
  }
}

for (const javaScript of [true, false]) {
  test(`a first page that redirects elsewhere is reached${javaScript ? "" : " without script"}`, () =>
    withBrowser(async ({ browser, gateway, elsewhere }) => {
      const page = await browser.newPage();
      await page.goto(`${gateway.url}/go`);
      await signInOn(page);
      await page.waitForURL(`${elsewhere}/file`, { timeout: 10_000 });
    }, javaScript));
}

test("the fragment of the page that was asked for is still there after signing in", () =>
  withBrowser(async ({ browser, gateway }) => {
    const page = await browser.newPage();
    await page.goto(`${gateway.url}/reports?year=2026#/q3/chart`);
    await signInOn(page);
    await page.waitForURL(`${gateway.url}/reports?year=2026#/q3/chart`, { timeout: 10_000 });
  }));

test("no fragment makes the way back lead elsewhere, or run", () =>
  withBrowser(async ({ browser, gateway }) => {
    for (
      const hash of ["#//evil.example", "#javascript:alert(1)", '#"><img src=x>', "#%0d%0aX: 1"]
    ) {
      const page = await browser.newPage();
      await page.goto(`${gateway.url}/reports${hash}`);
      if (page.url().includes("/auth/login")) await signInOn(page);
      await page.waitForURL((url) => url.pathname === "/reports", { timeout: 10_000 });
      assert.equal(new URL(page.url()).origin, gateway.url);
      await page.close();
    }
  }));

test("a front server that says Referrer-Policy: no-referrer shuts nobody out", async () => {
  const backend = startUpstream(() => new Response("<p>arrived"));
  const port = freePort();
  const nginx = await startNginx(`location / {
      proxy_pass http://127.0.0.1:${port};
      proxy_hide_header Referrer-Policy;
      add_header Referrer-Policy no-referrer always;
      proxy_set_header Host $http_host;
    }`);
  const gateway = await startGateway({
    upstream: backend.url,
    port,
    config: { origin: `http://localhost:${nginx.port}` },
  });
  const browser = await startChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`http://localhost:${nginx.port}/x`);
    const posted = page.waitForRequest((request) => request.method() === "POST");
    await signInOn(page);
    const headers = await (await posted).allHeaders();
    assert.equal(headers["sec-fetch-site"], "same-origin");
    await page.getByText("arrived").waitFor({ timeout: 10_000 });
  } finally {
    await browser.close();
    await gateway.stop();
    await nginx.stop();
    await backend.stop();
  }
});

test("a form on another site signs nobody in", () =>
  withBrowser(async ({ browser, gateway }) => {
    const evil = startUpstream(() =>
      new Response(
        `<form method="post" action="${gateway.url}/auth/login">
           <input name="username" value="demo"><input name="password" value="postern">
           <button>go</button></form>`,
        { headers: { "content-type": "text/html", "referrer-policy": "no-referrer" } },
      )
    );
    try {
      const page = await browser.newPage();
      // 127.0.0.1 is another site than localhost.
      await page.goto(evil.url);
      await page.getByRole("button", { name: "go" }).click();
      await page.waitForLoadState();
      const cookies = await browser.cookies(gateway.url);
      assert.deepEqual(cookies.filter(({ name }) => name.includes("postern")), []);
    } finally {
      await evil.stop();
    }
  }));
