/**
 * Sessions that `client.js` binds to a key, in a real Firefox, which knows no Device Bound
 * Session Credentials.
 */
import assert from "node:assert/strict";
import { type Firefox, startFirefox } from "../support/firefox.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";
import { startUpstream } from "../support/upstream.ts";

/** Short, so that it ends while a test runs. */
const ACCESS_SECONDS = 4;

const APP = `<!doctype html><title>App</title><script type="module">
import { createPostern } from "/auth/client.js";
window.postern = createPostern();
await postern.ready;
window.ready = true;
</script>`;

const outliveAccess = () =>
  new Promise((resolve) => setTimeout(resolve, (ACCESS_SECONDS + 1) * 1000));

const count = ({ events }: TestGateway, name: string) =>
  events.filter(({ event }) => event.event === name).length;

/** Waits for the page that all redirects and scripts lead to. */
async function arrives(firefox: Firefox, at: RegExp): Promise<void> {
  // Between two pages there is nobody to ask.
  const isThere = async () => at.test(await firefox.url().catch(() => ""));
  await until(isThere, `Firefox comes to ${at}`);
}

async function openApp(firefox: Firefox, gateway: TestGateway): Promise<void> {
  await firefox.goto(`${gateway.url}/app`);
  await until(
    () => firefox.evaluate<boolean>("window.ready === true").catch(() => false),
    "the app is ready",
  );
}

Deno.test({
  name:
    "Firefox: the script binds a session, which lives on in a reopened browser; copied cookies are dead when the access token ends",
  // A browser's socket is closed when it is.
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const upstream = startUpstream((_request, { target }) =>
      new Response(target === "/app" ? APP : "<!doctype html><title>Plain</title>", {
        headers: { "content-type": "text/html" },
      })
    );
    const gateway = await startGateway({
      upstream: upstream.url,
      clock: Object.assign(() => Date.now(), { advance() {} }),
      config: {
        deviceBinding: "offer",
        tokens: { accessTtl: `${ACCESS_SECONDS}s`, clockTolerance: "0s" },
        routes: [{ path: "/*", upstream: "app" }],
      },
    });
    const profile = await Deno.makeTempDir({ prefix: "postern-firefox-" });
    const open = new Set<Firefox>();
    const browser = async (folder?: string) => {
      const firefox = await startFirefox(folder);
      open.add(firefox);
      return firefox;
    };
    try {
      const owner = await browser(profile);
      await owner.goto(`${gateway.url}/auth/login?return_to=/app`);
      await owner.evaluate(`(() => {
        document.querySelector("#username").value = "demo";
        document.querySelector("#password").value = "postern";
        document.querySelector("form").submit();
      })()`);
      await arrives(owner, /\/app$/);
      await until(() => count(gateway, "session_bound") === 1, "the script binds the session");
      await until(
        () => owner.evaluate<boolean>("window.postern?.session()?.bound === 'script'"),
        "the app knows",
      );
      const sid = await owner.evaluate<string>("postern.session().sid");
      assert.equal(await owner.evaluate("postern.refresh()"), true);

      // No script can take the key out, nor can a copy of what scripts can read.
      const key = `new Promise((resolve, reject) => {
        const opening = indexedDB.open("postern:/auth");
        opening.onerror = reject;
        opening.onsuccess = () => {
          const asked = opening.result.transaction("keys").objectStore("keys").get("key");
          asked.onsuccess = () => {
            opening.result.close();
            crypto.subtle.exportKey("jwk", asked.result.pair.privateKey)
              .then(() => resolve("exported"), (error) => resolve(error.name));
          };
        };
      })`;
      assert.equal(await owner.evaluate(key), "InvalidAccessError");

      const thief = await browser();
      await thief.addCookies(await owner.cookies());
      await owner.goto(`${gateway.url}/plain`);
      await outliveAccess();
      await thief.goto(`${gateway.url}/plain`);
      await arrives(thief, /\/auth\/login\?.*reason=key_missing/);
      assert.match(await thief.evaluate("document.body.innerText"), /Please sign in again/);
      assert.ok((await thief.cookies()).some(({ name }) => name === "postern-refresh"));

      // By way of the page that proves the key.
      await owner.goto(`${gateway.url}/plain?again`);
      await arrives(owner, /\/plain\?again$/);
      assert.equal(await owner.evaluate("document.title"), "Plain");
      await owner.close();
      open.delete(owner);
      await outliveAccess();
      const reopened = await browser(profile);
      await openApp(reopened, gateway);
      assert.equal(await reopened.evaluate("postern.session()?.sid"), sid);
      assert.deepEqual([count(gateway, "sign_in"), count(gateway, "session_revoked")], [1, 0]);
    } finally {
      for (const firefox of open) await firefox.close();
      await Deno.remove(profile, { recursive: true }).catch(() => {});
      await gateway.stop();
      await upstream.stop();
    }
  },
});
