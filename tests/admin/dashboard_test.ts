/** The dashboard in a real Chromium, looked at by axe-core. */
import axe from "axe-core";
import assert from "node:assert/strict";
import { dashboard } from "../../src/admin/dashboard/dashboard.ts";
import type { AdminParts } from "../../src/admin/ports.ts";
import { createActivity } from "../../src/telemetry/activity.ts";
import { createRecentEvents } from "../../src/telemetry/recent.ts";
import { type ChromiumOptions, type Page, startChromium } from "../support/chromium.ts";
import { createTestClock, type TestClock } from "../support/clock.ts";
import { freePort } from "../support/ports.ts";
import { type AdminHarness, adminHarness, type AdminSettings, serveAdmin } from "./harness.ts";

/** Playwright keeps its pipe to a browser open for as long as it likes. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeResources: false, sanitizeOps: false });
}

const EXTENSIONS = { extensions: [dashboard] };

async function withDashboard(
  act: (page: Page, url: string, admin: AdminHarness) => Promise<void>,
  settings: AdminSettings & { readonly browser?: ChromiumOptions } = {},
): Promise<void> {
  const port = freePort();
  const admin = await serveAdmin({ ...EXTENSIONS, ...settings, port });
  const browser = await startChromium(settings.browser);
  try {
    const page = browser.pages()[0] ?? await browser.newPage();
    await act(page, `http://127.0.0.1:${port}`, admin);
  } finally {
    await browser.close();
    await admin.stop();
  }
}

/** A quarter of an hour of a busy gateway. */
function busy(clock: TestClock): Pick<AdminParts, "activity" | "recent" | "clock"> {
  const activity = createActivity(clock);
  const recent = createRecentEvents(clock);
  const context = { requestId: "r-1", clientAddress: "203.0.113.9" };
  for (let step = 0; step < 180; step += 1) {
    const requests = 120 + Math.round(60 * Math.sin(step / 9)) + (step * 7) % 13;
    for (let index = 0; index < requests; index += 1) {
      activity.answered(index % 40 === 0 && step > 120 && step < 140 ? 502 : 200);
    }
    for (let index = 0; index < step % 5; index += 1) {
      for (const code of ["token_missing", "token_expired", "csrf_failed"].slice(0, 1 + step % 3)) {
        activity.event({ event: "denied", code, method: "GET", path: "/" });
      }
    }
    if (step % 3 === 0) activity.event({ event: "sign_in", subject: "ada", sid: "s" });
    if (step % 11 === 0) activity.event({ event: "sign_in_failed", reason: "rejected" });
    activity.event({ event: "refresh", subject: "ada", sid: "s", replayed: false });
    clock.advance(5_000);
  }
  recent.sink({ event: "sign_in", subject: "ada@example.com", sid: "0199" }, context);
  recent.sink({ event: "refresh_reused", subject: "bob", sid: "0198" }, context);
  recent.sink(
    { event: "denied", code: "token_missing", method: "GET", path: "/<script>alert(1)</script>" },
    context,
  );
  return { activity, recent, clock };
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const results = await page.evaluate("axe.run()") as axe.AxeResults;
  return results.violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ target }) => target).join(", ")}`
  );
}

const VIEWS = [
  { name: "desktop-light", width: 1280, height: 900, dark: false },
  { name: "desktop-dark", width: 1280, height: 900, dark: true },
  { name: "phone-light", width: 390, height: 844, dark: false },
  { name: "phone-dark", width: 320, height: 640, dark: true },
];

for (const { name, dark, ...viewport } of VIEWS) {
  test(`every page of the dashboard is accessible and fits: ${name}`, async () => {
    const folder = Deno.env.get("POSTERN_SCREENSHOTS");
    await withDashboard(async (page, url) => {
      const errors: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      for (
        const path of [
          "/",
          "/sessions",
          "/sessions?subject=nobody",
          "/events",
          "/configuration",
          "/end?subject=ada",
          "/end",
        ]
      ) {
        await page.goto(url + path);
        assert.deepEqual(await violations(page), [], path);
        const overflow = "document.documentElement.scrollWidth - innerWidth";
        assert.ok(Number(await page.evaluate(overflow)) <= 0, `${path} is wider than the screen`);
        if (folder !== undefined) {
          const file = path.replace(/\W+/g, "-").replace(/^-|-$/g, "") || "overview";
          await page.screenshot({ path: `${folder}/admin-${file}-${name}.png`, fullPage: true });
        }
      }
      assert.deepEqual(errors, [], "nothing that the content security policy forbids");
    }, { browser: { dark, viewport }, parts: busy(createTestClock()) });
  });
}

test("a session is found and ended, with a click each", async () => {
  await withDashboard(async (page, url, admin) => {
    await page.goto(`${url}/sessions`);
    await page.getByLabel("Subject").fill("ada");
    await page.getByRole("button", { name: "Search" }).click();
    const before = admin.sessions.length;
    await page.getByRole("button", { name: /^End the session of ada/ }).first().click();
    await page.getByText("Ended: 1.").waitFor();
    assert.equal(admin.sessions.length, before - 1);
    assert.ok(
      admin.events.some((event) => "action" in event && event.action === "session_revoked"),
    );
  });
});

test("ending many asks once more and says how many", async () => {
  await withDashboard(async (page, url, admin) => {
    await page.goto(`${url}/sessions?subject=ada`);
    await page.getByRole("link", { name: "End all of ada…" }).click();
    await page.getByText("ends every session of").waitFor();
    assert.equal(admin.ended.length, 0);
    await page.getByRole("button", { name: "End 3" }).click();
    await page.getByText("Ended: 3.").waitFor();
    assert.deepEqual(admin.ended, [{ subject: "ada" }]);
  });
});

test("the overview keeps itself up to date, and can be stopped", async () => {
  const clock = createTestClock();
  const parts = busy(clock);
  await withDashboard(async (page, url) => {
    await page.goto(url);
    parts.recent.sink({ event: "sign_in", subject: "late-comer", sid: "s" }, {
      requestId: "r",
      clientAddress: "::1",
    });
    await page.getByText("late-comer").waitFor({ timeout: 15_000 });
    const live = page.getByRole("button", { name: "Live" });
    assert.equal(await live.getAttribute("aria-pressed"), "true");
    await live.click();
    assert.equal(await live.getAttribute("aria-pressed"), "false");
  }, { parts });
});

test("a browser asks for the token, and works with it from then on", async () => {
  const token = "t0ken-".padEnd(40, "x");
  await withDashboard(async (page, url, admin) => {
    const without = await fetch(url);
    await without.body?.cancel();
    assert.match(without.headers.get("www-authenticate") ?? "", /Basic realm=/);
    await page.goto(url.replace("//", `//grace:${token}@`));
    await page.getByRole("link", { name: "Sessions" }).click();
    await page.getByRole("button", { name: /^End the session of ada/ }).first().click();
    await page.getByText("Ended: 1.").waitFor();
    const [done] = admin.events.filter(({ event }) => event === "admin_action");
    assert.equal(done?.event === "admin_action" && done.actor, "token:grace");
  }, { trustsPeers: false, tokens: `grace:${token}` });
});

test("a refused reload is told line by line, and changes nothing", async () => {
  await withDashboard(async (page, url) => {
    await page.goto(`${url}/configuration`);
    await page.getByRole("button", { name: "Read it again" }).click();
    await page.getByRole("alert").getByText("routes[0].path: is required").waitFor();
  }, {
    reload: () =>
      Promise.resolve({ kind: "refused", problems: ["routes[0].path: is required (string)"] }),
  });
});

Deno.test("what somebody else wrote never becomes markup", async () => {
  const admin = await adminHarness({ ...EXTENSIONS, parts: busy(createTestClock()) });
  const evil = "<img src=x onerror=alert(1)>";
  for (
    const path of [
      "/",
      "/events",
      `/sessions?subject=${encodeURIComponent(evil)}`,
      "/sessions?ended=<b>",
    ]
  ) {
    const text = await (await admin.ask(path)).text();
    assert.doesNotMatch(text, /<img|<script>alert|<b>/, path);
  }
  const csp = (await admin.ask("/")).headers.get("content-security-policy") ?? "";
  assert.match(csp, /^default-src 'none'; style-src 'nonce-[0-9a-f-]{36}'/);
});
