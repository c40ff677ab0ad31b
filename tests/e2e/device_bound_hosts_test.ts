/**
 * Device-bound sessions over several hosts, in a real Chromium: the key is proven at the
 * host of sign-in alone, and the session of another host goes no further than that.
 */
import assert from "node:assert/strict";
import { createCertificateAuthority } from "../support/certificate_authority.ts";
import { type BrowserContext, signInOn, startChromium } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort } from "../support/ports.ts";
import { startUpstream } from "../support/upstream.ts";

const DOMAIN = "postern.test";
const ACCESS_SECONDS = 4;
const TOLERANCE_SECONDS = 4;

const outliveAccess = () =>
  new Promise((resolve) => setTimeout(resolve, (ACCESS_SECONDS + TOLERANCE_SECONDS + 1) * 1000));

Deno.test("at another host one goes on by proving the key at home; cookies of both, copied, are soon dead", async () => {
  const authority = await createCertificateAuthority();
  const upstream = startUpstream();
  const port = freePort();
  const [home, other] = [`https://home.${DOMAIN}:${port}`, `https://app.${DOMAIN}:${port}`];
  const gateway = await startGateway({
    port,
    tls: authority,
    upstream: upstream.url,
    clock: Object.assign(() => Date.now(), { advance() {} }),
    config: {
      origin: home,
      origins: [other],
      handover: true,
      deviceBinding: "require",
      tokens: { accessTtl: `${ACCESS_SECONDS}s`, clockTolerance: `${TOLERANCE_SECONDS}s` },
      routes: [{ path: "/*", upstream: "app" }],
    },
  });
  const open: BrowserContext[] = [];
  const browser = async () => {
    const context = await startChromium({
      boundSessions: { trusts: authority },
      ownDomain: DOMAIN,
    });
    open.push(context);
    return { context, page: context.pages()[0] ?? await context.newPage() };
  };
  try {
    const owner = await browser();
    await owner.page.goto(`${other}/page`);
    await signInOn(owner.page);
    await owner.page.waitForURL(`${other}/page`);
    const thief = await browser();
    for (const each of ["first", "second"]) {
      await outliveAccess();
      await thief.context.addCookies(await owner.context.cookies());
      await owner.page.goto(`${other}/${each}`);
      assert.equal(owner.page.url(), `${other}/${each}`, "without a word, by way of home");
    }
    await outliveAccess();
    for (const host of [other, home]) {
      await thief.page.goto(`${host}/page`);
      assert.match(thief.page.url(), new RegExp(`^${home}/auth/login`), host);
    }
    await owner.page.goto(`${other}/page`);
    assert.equal(owner.page.url(), `${other}/page`);
    const { events } = gateway;
    assert.equal(events.filter(({ event }) => event.event === "refresh_reused").length, 0);
  } finally {
    for (const context of open) await context.close();
    await gateway.stop();
    await upstream.stop();
    await authority.dispose();
  }
});
