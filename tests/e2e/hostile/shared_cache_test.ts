/**
 * A real nginx with `proxy_cache` in front: what was made for one person is
 * never served to another, whatever the backend says of it.
 */
import assert from "node:assert/strict";
import { startNginx } from "../../support/nginx.ts";
import { plain } from "../../support/raw_upstream.ts";
import { HOST, onEachRuntime } from "../../support/stand.ts";
import { exchange } from "../../support/wire.ts";

onEachRuntime("a shared cache in front", {
  config: { trustedProxies: ["127.0.0.1", "0.0.0.0/32"] },
}, async (stand, step) => {
  const nginx = await startNginx(
    `location / {
      proxy_pass http://127.0.0.1:${stand.port};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_cache pages;
      proxy_cache_key $request_uri;
      add_header X-Cache $upstream_cache_status always;
    }`,
    {
      http: ({ folder }) =>
        `proxy_cache_path ${folder}/cache keys_zone=pages:1m inactive=10m max_size=10m;`,
    },
  );
  const ask = (target: string, headers: readonly string[] = []) =>
    exchange(nginx.port, { target, headers: [...headers, "Connection: close"] }, { host: HOST });
  try {
    const bob = await stand.signIn("bob", ["X-Forwarded-For: 192.0.2.1"]);
    const ada = await stand.signIn("ada", ["X-Forwarded-For: 192.0.2.2"]);

    await step("strangers and others never see what was made for somebody", async () => {
      const served: string[] = [];
      const controls = ["max-age=600", "must-revalidate, max-age=60", "public, max-age=600", ""]
        .concat(["s-maxage=600", "no-transform", "immutable, max-age=600", "proxy-revalidate"])
        .concat(["max-age=600, stale-while-revalidate=900", "MAX-AGE=600", "public"]);
      for (const [index, control] of controls.entries()) {
        for (
          const more of [[], ["Expires: Thu, 01 Jan 2099 00:00:00 GMT"], ["X-Accel-Expires: 600"]]
        ) {
          stand.upstream.answer((request) =>
            plain(`made for ${request.get("x-auth-subject")}`, [
              ...(control === "" ? [] : [`Cache-Control: ${control}`]),
              ...more,
            ])
          );
          const target = `/page/${index}?${more.length}${encodeURIComponent(more[0] ?? "")}`;
          const first = await ask(target, [bob.cookie]);
          assert.equal(first.text, "made for u-2");
          const other = await ask(target, [ada.cookie]);
          const stranger = await ask(target);
          if (other.text !== "made for u-1") {
            served.push(`${control} ${more} to ada: ${other.text}`);
          }
          if (stranger.status !== 401) {
            served.push(`${control} ${more} to a stranger: ${stranger.text}`);
          }
        }
      }
      assert.deepEqual(served, []);
    });

    await step("open pages are cached as ever", async () => {
      stand.upstream.answer(() => plain("open", ["Cache-Control: public, max-age=600"]));
      assert.equal((await ask("/public/page")).get("x-cache"), "MISS");
      assert.equal((await ask("/public/page")).get("x-cache"), "HIT");
    });

    await step("nothing of our own is cached: pages, sessions, refusals, redirects", async () => {
      for (const target of ["/auth/login", "/auth/session", "/x", "/auth/nope"]) {
        for (let times = 0; times < 2; times++) {
          const answer = await ask(target, ["Accept: text/html"]);
          assert.notEqual(answer.get("x-cache"), "HIT", target);
        }
      }
    });
  } finally {
    await nginx.stop();
  }
});
