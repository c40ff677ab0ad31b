/**
 * Whom the gateway takes for a client: only a trusted proxy may say, and
 * nobody can make everybody trusted.
 */
import assert from "node:assert/strict";
import { generateKeySet } from "../../../src/tokens/key_ring.ts";
import { runToEnd } from "../../support/gateway_process.ts";
import { onEachRuntime, usualConfig } from "../../support/stand.ts";

const KEYS = JSON.stringify(await generateKeySet());

/** Whether a configuration starts: refused at once, or still running after a while. */
async function refusal(
  config: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly output: string }> {
  // Port 1 can not be had: what would start ends there, and says so.
  return await runToEnd(["start"], {
    POSTERN_KEYS: KEYS,
    POSTERN_PORT: "1",
    POSTERN_HOST: "192.0.2.1",
    POSTERN_CONFIG: JSON.stringify({
      ...usualConfig("http://127.0.0.1:9", "http://127.0.0.1:9/login"),
      ...config,
    }),
    ...env,
  });
}

Deno.test("everybody can not be trusted, in halves or quarters either", async () => {
  const lists = [
    ["0.0.0.0/0"],
    ["::/0"],
    ["0.0.0.0/1", "128.0.0.0/1"],
    ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"],
    ["::/1", "8000::/1"],
    ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3", "224.0.0.0/3"],
    Array.from({ length: 256 }, (_, block) => `${block}.0.0.0/8`),
    ["0.0.0.0/3", "32.0.0.0/3", "64.0.0.0/2", "128.0.0.0/1"],
    ["10.1.2.3/0"],
    ["2000::/3"],
  ];
  const started: string[] = [];
  const results = await Promise.all(
    lists.map(async (list) => ({ list, ...await refusal({ trustedProxies: list }) })),
  );
  for (const { list, output } of results) {
    if (!/trustedProxies/.test(output)) {
      started.push(`${list.slice(0, 4)}: ${output.slice(0, 200)}`);
    }
  }
  assert.deepEqual(started, []);
  const fine = await refusal({
    trustedProxies: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8", "203.0.113.0/24"],
  });
  assert.doesNotMatch(fine.output, /trustedProxies/);
});

onEachRuntime("who a client is", {}, async (stand, step) => {
  await step("a peer that is not trusted says nothing about itself", async () => {
    for (
      const line of [
        ...["X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6"],
        ...["CF-Connecting-IP: 6.6.6.6", "True-Client-IP: 6.6.6.6", "X-Client-IP: 6.6.6.6"],
        ...["CF-Connecting-IPv6: ::6", "X-Forwarded: for=6.6.6.6", "Client-IP: 6.6.6.6"],
      ]
    ) {
      stand.upstream.forget();
      await stand.get("/public/x", [line]);
      assert.doesNotMatch(stand.upstream.everything(), /6\.6\.6\.6|::6/, line);
    }
  });

  await step("nor gets a throttle of its own by saying so", async () => {
    const statuses: number[] = [];
    for (let index = 0; index < 14; index++) {
      const answer = await stand.send({
        method: "POST",
        target: "/api/token/",
        headers: [
          "Content-Type: application/json",
          `X-Forwarded-For: 198.51.100.${index}`,
          `CF-Connecting-IP: 198.51.100.${index}`,
        ],
        body: JSON.stringify({ username: "eve", password: "wrong" }),
      });
      statuses.push(answer.status);
    }
    assert.equal(statuses.at(-1), 429, statuses.join(" "));
  });
});

onEachRuntime("a client behind a trusted proxy", {
  config: { trustedProxies: ["127.0.0.1", "0.0.0.0/32", "10.0.0.0/8"] },
}, async (stand, step) => {
  await step("is the last hop that is not trusted, however the chain is written", async () => {
    for (
      const [line, client] of [
        ["X-Forwarded-For: 203.0.113.9", "203.0.113.9"],
        ["X-Forwarded-For: 6.6.6.6, 203.0.113.9", "203.0.113.9"],
        ["X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9"],
        ["X-Forwarded-For: 203.0.113.9:4711", "203.0.113.9"],
        ["X-Forwarded-For: [2001:db8::7]:443", "2001:db8::7"],
        ["X-Forwarded-For: ::ffff:203.0.113.9", "203.0.113.9"],
      ] as const
    ) {
      stand.upstream.forget();
      await stand.get("/public/x", [line]);
      const said = stand.upstream.last().get("x-forwarded-for") ?? "";
      const hops = said.split(",").map((hop) => hop.trim().replace("::ffff:", ""));
      assert.ok(hops.includes(client), `${line}: ${hops}`);
      assert.ok(!/6\.6\.6\.6/.test(hops.join()) || hops.length > 1, `${line}: ${hops}`);
    }
  });

  await step("is not what white space or rubbish in the chain pretends", async () => {
    for (
      const line of [
        ...["X-Forwarded-For: 6.6.6.6,\xA0203.0.113.9", "X-Forwarded-For: 203.0.113.9\xA0"],
        ...["X-Forwarded-For: unknown", "X-Forwarded-For: _hidden, 203.0.113.9"],
        ...["X-Forwarded-For: 999.1.1.1", "X-Forwarded-For: ,", "X-Forwarded-For: 0x7f.1"],
      ]
    ) {
      const answer = await stand.get("/public/x", [line]);
      assert.ok([200, 400].includes(answer.status), `${line}: ${answer.status}`);
    }
  });
});

onEachRuntime("a second name behind a trusted proxy", {
  config: { trustedProxies: ["127.0.0.1", "0.0.0.0/32"] },
  routes: [
    { path: "/*", host: "admin.example.com", upstream: "app", auth: "none" },
    { path: "/*", upstream: "app", auth: "none" },
  ],
}, async (stand, step) => {
  const ask = async (host: string, told: string) => {
    stand.upstream.forget();
    const { status } = await stand.send({
      target: "/x",
      host,
      headers: [`X-Forwarded-Host: ${told}`],
    });
    return `${status} ${stand.upstream.seen.at(-1)?.get("x-forwarded-host") ?? "-"}`;
  };

  await step("leads to no host that the proxy has not been asked for", async () => {
    // What nginx with `proxy_set_header Host $host` and no more makes of a client's own header.
    for (const told of ["admin.example.com", "ADMIN.example.com.", "admin.example.com:443"]) {
      assert.equal(await ask("app.example.com", told), "400 -", told);
    }
    assert.equal(await ask("admin.example.com", "app.example.com"), "400 -");
    assert.equal(await ask("app.example.com", "evil.example"), "200 app.example.com");
  });

  await step("is believed where the first one is the proxy's own", async () => {
    for (const host of ["127.0.0.1", "postern.internal"]) {
      assert.equal(await ask(host, "admin.example.com"), "200 admin.example.com", host);
    }
    assert.equal(await ask("app.example.com", "app.example.com"), "200 app.example.com");
  });
});
