/**
 * The throttle counts people, not spellings; what was asked counts, and what
 * is under way is no failure; a stranger's guesses shut the stranger out.
 */
import assert from "node:assert/strict";
import { onEachRuntime, ORIGIN, RUNTIMES, startStand } from "../../support/stand.ts";
import type { Stand } from "../../support/stand.ts";
import { until } from "../../support/until.ts";
import type { WireAnswer } from "../../support/wire.ts";

const TRUSTED = { trustedProxies: ["127.0.0.1", "0.0.0.0/32"] };

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** An attempt by the token transport, from an address. */
function attempt(
  stand: Stand,
  username: string,
  password = "wrong",
  address = "203.0.113.9",
  more: readonly string[] = [],
): Promise<WireAnswer> {
  const body = JSON.stringify({ username, password });
  return stand.send({
    method: "POST",
    target: "/api/token/",
    headers: ["Content-Type: application/json", `X-Forwarded-For: ${address}`, ...more],
    body: Array.from(new TextEncoder().encode(body), (byte) => String.fromCharCode(byte)).join(""),
  });
}

onEachRuntime("throttled sign-ins", {
  config: { ...TRUSTED, throttle: { perUser: 3, perAddress: 10_000, window: "10m" } },
}, async (stand, step) => {
  await step("names that a database could hold equal share one count", async () => {
    const spellings = [
      "root",
      "ROOT",
      "Root",
      "roo\u0301t",
      "ro\u00f3t",
      "r\u00f6\u00f6t",
      "ro\u00ADot",
    ]
      .concat([
        "ro\u200Bot",
        "ro\u200Dot",
        "r\u034Foot",
        "root\uFE0F",
        "root\u{E0041}",
        "root\u0000",
      ])
      .concat([
        "root\u0007",
        " root",
        "root ",
        "root\u3000",
        "\uFF52\uFF4F\uFF4F\uFF54",
        "root\u00A0",
      ])
      .concat(["\u202Eroot", "r\u0300\u0301\u0302oot", "root\u2060", "\u{1D493}oot", "RO\u00D6T"])
      .concat([
        "root\u061C",
        "root\u180E",
        "\u24E1oot",
        "root\t",
        "root\n",
        "r\u0585ot".slice(0, 0) + "root",
      ])
      .concat([
        "root\u115F",
        "root\u3164",
        "root\uFFA0",
        "root\u17B4",
        "root\u{1D173}",
        "root\u2028",
      ]);
    const address = (index: number) => `198.51.100.${index}`;
    for (let index = 0; index < 3; index++) await attempt(stand, "root", "wrong", address(250));
    const own: string[] = [];
    for (const [index, name] of spellings.entries()) {
      // From the address that has spent its guesses: a counter of its own would answer 401.
      const { status } = await attempt(stand, name, "wrong", address(250));
      // A name with a control character is nobody's: it is refused and never asked about.
      const refused = /\p{Cc}/u.test(name) &&
        !stand.login.asked.some((each) => each.username === name);
      if (![400, 429].includes(status) && !refused) own.push(`${escape(name)} ${status} ${index}`);
    }
    assert.deepEqual(own, []);
  });

  await step("different people have different counts", async () => {
    for (let index = 0; index < 5; index++) await attempt(stand, "mallory", "wrong", "192.0.2.66");
    for (
      const name of ["malory", "mallory1", "mallory@x", "mal-lory", "mal.lory", "m\u0430llory"]
    ) {
      assert.equal((await attempt(stand, name, "wrong", "192.0.2.66")).status, 401, name);
    }
  });

  await step("ten wrong guesses of a stranger do not lock the owner out", async () => {
    for (let index = 0; index < 12; index++) await attempt(stand, "bob", "wrong", "192.0.2.1");
    assert.equal((await attempt(stand, "bob", "wrong", "192.0.2.1")).status, 429);
    const right = await attempt(stand, "bob", "battery staple", "192.0.2.200");
    assert.equal(right.status, 200, right.text);
    const refused = await attempt(stand, "bob", "battery staple", "192.0.2.1");
    assert.equal(refused.status, 429);
    assert.match(refused.get("retry-after") ?? "", /^\d+$/);
  });

  await step("sign-ins that succeed are never failures, however many at a time", async () => {
    for (let round = 0; round < 4; round++) {
      const answers = await Promise.all(
        Array.from({ length: 3 }, () => attempt(stand, "ada", "correct horse", "192.0.2.9")),
      );
      for (const { status, text } of answers) assert.equal(status, 200, text);
    }
  });

  await step("a failed sign-in names a keyed hash, the same for every spelling", async () => {
    const failed = () => stand.events().filter(({ event }) => event === "sign_in_failed");
    const before = failed().length;
    await attempt(stand, "carol", "wrong", "192.0.2.77");
    await attempt(stand, "CAROL", "wrong", "192.0.2.77");
    await attempt(stand, "dave", "wrong", "192.0.2.77");
    await until(() => failed().length >= before + 3, "the events");
    const [first, second, third] = failed().slice(before).map((event) => {
      assert.ok(!/carol|dave/i.test(JSON.stringify(event)), JSON.stringify(event));
      return Object.entries(event).filter(([, value]) =>
        typeof value === "string" && /^[A-Za-z0-9_-]{12,}$/.test(value)
      ).map(([name, value]) => `${name}=${value}`);
    });
    const shared = first?.filter((entry) => second?.includes(entry)) ?? [];
    assert.ok(
      shared.some((entry) => !third?.includes(entry)),
      JSON.stringify([first, second, third]),
    );
  });
});

onEachRuntime("sign-ins that are hung up on", {
  config: { ...TRUSTED, throttle: { perUser: 3, perAddress: 10_000, window: "10m" } },
}, async (stand, step) => {
  await step("count, once their question was asked", async () => {
    stand.login.answer(async () => {
      await wait(500);
      return Response.json({ detail: "no" }, { status: 401 });
    });
    for (let index = 0; index < 8; index++) {
      const body = JSON.stringify({ username: "bob", password: "wrong" });
      const wire = await stand.open();
      wire.send(stand.bytes({
        method: "POST",
        target: "/api/token/",
        headers: ["Content-Type: application/json", "X-Forwarded-For: 192.0.2.5"],
        body,
      }));
      await wait(150);
      wire.hangUp();
      await wait(450);
    }
    await wait(600);
    const asked = stand.login.asked.length;
    assert.ok(asked <= 5, `${asked} questions were asked`);
    assert.equal((await attempt(stand, "bob", "wrong", "192.0.2.5")).status, 429);
    await until(
      () => stand.events().filter(({ event }) => event === "sign_in_failed").length >= 3,
      "a failed sign-in in the log for each",
    );
    stand.login.answer(() => null);
  });
});

for (const harness of RUNTIMES.slice(0, 1)) {
  Deno.test({
    name: `${harness.name}: gateways that are killed amid sign-ins shut nobody out`,
    sanitizeResources: false,
    sanitizeOps: false,
    async fn() {
      const stand = await startStand(harness, {
        config: { ...TRUSTED, throttle: { perUser: 3, perAddress: 10_000, window: "10m" } },
      });
      try {
        for (let round = 0; round < 4; round++) {
          stand.login.answer(async () => {
            await wait(2_000);
            return null;
          });
          const wire = await stand.open();
          wire.send(stand.bytes({
            method: "POST",
            target: "/api/token/",
            headers: ["Content-Type: application/json", "X-Forwarded-For: 192.0.2.8"],
            body: JSON.stringify({ username: "ada", password: "correct horse" }),
          }));
          await wait(250);
          await stand.gateway.kill();
          wire.hangUp();
          await stand.gateway.restart();
        }
        stand.login.answer(() => null);
        // A reservation lasts seconds.
        await until(
          async () => (await attempt(stand, "ada", "correct horse", "192.0.2.8")).status === 200,
          "ada, who never mistyped, can sign in",
          25_000,
        );
      } finally {
        await stand.stop();
      }
    },
  });
}

onEachRuntime("a browser that has signed in before", {
  config: { ...TRUSTED, throttle: { perUser: 2, perAddress: 5, window: "10m" } },
}, async (stand, step) => {
  const login = (headers: readonly string[], password: string, address: string) =>
    stand.send({
      method: "POST",
      target: "/auth/login",
      headers: [
        ...["Content-Type: application/json", `Origin: ${ORIGIN}`, `X-Forwarded-For: ${address}`],
        ...["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"],
        ...headers,
      ],
      body: JSON.stringify({ username: "bob", password }),
    });

  await step("is let in while strangers everywhere guess at its owner's name", async () => {
    const first = await login([], "battery staple", "192.0.2.10");
    assert.equal(first.status, 200);
    const kept = first.all("set-cookie").map((line) => line.split(";")[0] ?? "");
    const device = kept.filter((pair) => !/postern-(access|refresh|csrf)=/.test(pair));
    assert.equal(
      device.length,
      1,
      `a device cookie among ${kept.map((pair) => pair.split("=")[0])}`,
    );
    for (let host = 1; host < 45; host++) await login([], "wrong", `198.51.${host}.7`);
    const owner = await login([`Cookie: ${device[0]}`], "battery staple", "192.0.2.10");
    assert.equal(owner.status, 200, owner.text);
  });

  await step("does not lend that to other names, nor to made-up cookies", async () => {
    const made = await login(["Cookie: __Host-postern-device=forged"], "wrong", "198.51.200.1");
    assert.ok([401, 429].includes(made.status), made.text);
  });
});

for (const harness of RUNTIMES) {
  Deno.test({
    name: `${harness.name}: a peer that forwards without being trusted is warned about, once`,
    sanitizeResources: false,
    sanitizeOps: false,
    async fn() {
      const stand = await startStand(harness);
      try {
        for (let times = 0; times < 5; times++) {
          await stand.get("/public/x", ["X-Forwarded-For: 203.0.113.9"]);
        }
        const warned = () =>
          stand.gateway.logs().split("\n").filter((line) =>
            /trustedProxies|untrusted_(proxy|forward)/.test(line)
          );
        if (harness.name === "Deno") {
          await until(() => warned().length > 0, "a warning that names trustedProxies", 4_000);
        }
        assert.ok(warned().length <= 1, warned().join("\n"));
      } finally {
        await stand.stop();
      }
    },
  });
}
