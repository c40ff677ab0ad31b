/**
 * Who is shut out by wrong passwords, and who is not.
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import type { IdentityOutcome, IdentitySource } from "../../src/identity/port.ts";
import { createDeviceCookies } from "../../src/sign_in/device.ts";
import { createPasswordSignIn } from "../../src/sign_in/password.ts";
import { addressBlocks, createThrottle } from "../../src/sign_in/throttle.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import { createTestClock } from "../support/clock.ts";
import { testKeys } from "../support/gateway.ts";

const HOLD_MS = 10_000;

/** A house of people whose password is `right`. */
async function house(
  answer: (password: string) => IdentityOutcome | Promise<IdentityOutcome> = (password) =>
    password === "right" ? { kind: "accepted", subject: "ada", claims: {} } : { kind: "rejected" },
) {
  const { hmacKeys } = (await testKeys()).ring;
  const [counterKey] = hmacKeys;
  assert.ok(counterKey !== undefined);
  const clock = createTestClock();
  const store = createMemoryStore({ clock });
  let asked = 0;
  const identity: IdentitySource = {
    async authenticate({ password }) {
      asked++;
      return await answer(password);
    },
  };
  const signIn = createPasswordSignIn({
    throttle: createThrottle({
      store,
      options: { windowMs: 900_000, holdMs: HOLD_MS, perUser: 10, perAddress: 100 },
      counterKey,
      pause: () => Promise.resolve(),
    }),
    devices: createDeviceCookies(hmacKeys),
    sessions: { open: () => Promise.resolve({ kind: "opened", signedIn: {} as never }) },
    identity,
    clock,
  });
  async function attempt(options: {
    readonly name?: string;
    readonly password?: string;
    readonly ip?: string;
    readonly device?: string | null;
    readonly signal?: AbortSignal;
  } = {}) {
    const { name = "ada", password = "wrong", ip = "192.0.2.1", device = null } = options;
    return await signIn(
      { username: name, password },
      {
        device: { userAgent: "", ip },
        requestId: "r",
        signal: options.signal ?? new AbortController().signal,
      },
      device,
    );
  }
  return { attempt, clock, asked: () => asked };
}

async function times(count: number, run: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index++) await run(index);
}

Deno.test("ten wrong guesses by one address shut that address out for that name, not the person", async () => {
  const { attempt, clock } = await house();
  await times(10, () => attempt());
  assert.equal((await attempt({ password: "right" })).kind, "throttled");
  assert.equal((await attempt({ password: "right", ip: "198.51.100.7" })).kind, "signed_in");
  assert.equal((await attempt({ name: "bob", password: "right" })).kind, "signed_in");
  clock.advance(900_001);
  assert.equal((await attempt({ password: "right" })).kind, "signed_in");
});

Deno.test("no spelling of a name has a counter of its own", async () => {
  const { attempt } = await house();
  const names =
    "ada \u00e4da ADA a\u200bda a\u0301da ad\u00e0 \uff41da \u{1d41a}da ada\ufe0f ada\u00ad".split(
      " ",
    );
  for (const name of names) assert.equal((await attempt({ name })).kind, "rejected");
  for (const name of ["ada", "\u00e1d\u00e1", "a\u{e0041}da"]) {
    assert.equal((await attempt({ name })).kind, "throttled", name);
  }
});

Deno.test("a name with a control character is nobody's, and nobody is asked", async () => {
  const { attempt, asked } = await house();
  for (const name of ["ada\0", "a\u0007da", "ada\n"]) {
    assert.equal((await attempt({ name, password: "right" })).kind, "rejected");
  }
  assert.equal((await attempt({ name: "a".repeat(2000), password: "right" })).kind, "rejected");
  assert.equal(asked(), 0);
});

Deno.test("guesses from many addresses make the name slow, then shut it, and its owner's browser stays in", async () => {
  const { attempt, clock } = await house();
  const before = await attempt({ password: "right" });
  assert.ok(before.kind === "signed_in");
  const device = await before.rememberDevice();
  let slow = 0;
  let failures = 0;
  for (let index = 0; failures < 100; index++) {
    const outcome = await attempt({ ip: `203.0.113.${index % 250}` });
    if (outcome.kind === "rejected") failures++;
    else {
      assert.ok(outcome.kind === "throttled");
      slow++;
      assert.ok(outcome.retryAfterSeconds <= 60, "a person waits a minute at most");
      clock.advance(outcome.retryAfterSeconds * 1000);
      if (slow > 60) break;
    }
  }
  assert.ok(failures >= 20 && slow > 0, `${failures} failures, ${slow} waits`);
  const stranger = await attempt({ password: "right", ip: "198.51.100.7" });
  const owner = await attempt({ password: "right", ip: "198.51.100.7", device });
  assert.equal(stranger.kind, "throttled", "a browser that is not known waits");
  assert.equal(owner.kind, "signed_in");
});

Deno.test("a device cookie is good for its own name, for ten mistakes, and can not be made up", async () => {
  const { attempt } = await house();
  const mine = await attempt({ name: "mallory", password: "right" });
  assert.ok(mine.kind === "signed_in");
  const device = await mine.rememberDevice();
  await times(10, () => attempt());
  const others = [device, `${device}x`, device.replace(/.$/, "A"), "v1..", "", "v1.a.b"];
  for (const cookie of others) {
    assert.equal((await attempt({ password: "right", device: cookie })).kind, "throttled", cookie);
  }
  await times(10, () => attempt({ name: "mallory", device }));
  assert.equal((await attempt({ name: "mallory", password: "right", device })).kind, "throttled");
});

Deno.test("whoever is called almost like somebody gets no cookie for guessing at them", async () => {
  const { hmacKeys } = (await testKeys()).ring;
  const devices = createDeviceCookies(hmacKeys);
  // Accounts that a backend tells apart, and that share a counter here.
  const alike = "Ada \u00e1da ada\u200b \uff41da a\u00aada".split(" ").concat(" ada", "ada ");
  for (const name of alike) {
    const cookie = await devices.remember(null, name);
    assert.notEqual(await devices.read(cookie, name), null, name);
    assert.equal(await devices.read(cookie, "ada"), null, name);
  }
  // However many cookies such an account makes for itself, the guesses run out.
  const { attempt } = await house();
  let asked = 0;
  await times(60, async (index) => {
    const device = await devices.remember(null, "Ada");
    const ip = `192.0.2.${index % 2}`;
    if ((await attempt({ device, ip })).kind === "rejected") asked++;
  });
  assert.equal(asked, 20, "ten for each address");
});

Deno.test("several people of one browser are remembered", async () => {
  const { hmacKeys } = (await testKeys()).ring;
  const devices = createDeviceCookies(hmacKeys);
  let cookie: string | null = null;
  for (const name of ["a", "b", "c", "d", "e", "f"]) cookie = await devices.remember(cookie, name);
  assert.equal(await devices.read(cookie, "a"), null, "five at most");
  const ids = await Promise.all(["b", "f"].map((name) => devices.read(cookie, name)));
  assert.notEqual(ids[0], null);
  assert.equal(ids[0]?.id, ids[1]?.id);
  assert.ok((cookie ?? "").length < 150);
});

Deno.test("an attempt whose client hung up counts once its question was asked", async () => {
  const { attempt, asked } = await house(() => ({ kind: "unavailable", reason: "given up" }));
  const signal = AbortSignal.abort();
  await times(10, async () => assert.equal((await attempt({ signal })).kind, "abandoned"));
  assert.equal(asked(), 10);
  assert.equal((await attempt({ signal })).kind, "throttled");
});

Deno.test("an attempt under way is a place for seconds, never a failure", async () => {
  let release = (_outcome: IdentityOutcome) => {};
  const { attempt, clock } = await house(() => new Promise((resolve) => release = resolve));
  // Gateways that were killed, answers that were cut: nobody says how these ended.
  for (let index = 0; index < 10; index++) void attempt();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const waits = await attempt();
  assert.ok(waits.kind === "throttled" && waits.retryAfterSeconds <= HOLD_MS / 1000);
  clock.advance(HOLD_MS + 1);
  const person = attempt({ password: "right" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  release({ kind: "accepted", subject: "ada", claims: {} });
  assert.equal((await person).kind, "signed_in");
});

Deno.test("a login endpoint that is down counts against nobody", async () => {
  const { attempt, clock } = await house(() => ({ kind: "unavailable", reason: "down" }));
  await times(30, async (index) => {
    assert.equal((await attempt()).kind, "unavailable", String(index));
    clock.advance(HOLD_MS / 5);
  });
});

Deno.test("the keyed hash in the log is one for all spellings, and says no name", async () => {
  const { attempt } = await house();
  const hashes = new Set<string>();
  for (const name of ["ada", "\u00c1DA", "a\u200bda"]) {
    const outcome = await attempt({ name });
    assert.ok(outcome.kind === "rejected");
    assert.match(outcome.name, /^[0-9a-f]{16}$/);
    hashes.add(outcome.name);
  }
  assert.equal(hashes.size, 1);
});

Deno.test("whoever has a whole IPv6 site to guess from shuts out that site, not the name", async () => {
  const { attempt, clock, asked } = await house();
  let waitedSeconds = 0;
  for (let index = 0; waitedSeconds < 800; index++) {
    const outcome = await attempt({ ip: `2001:db8:1:${(index % 256).toString(16)}::1` });
    if (outcome.kind !== "throttled") continue;
    const seconds = Math.min(outcome.retryAfterSeconds, 60);
    waitedSeconds += seconds;
    clock.advance(seconds * 1_000);
  }
  assert.equal(asked(), 20, "a site of 256 networks counts as two addresses");
  const elsewhere = await attempt({ password: "right", ip: "192.0.2.1" });
  assert.equal(elsewhere.kind, "signed_in", "nobody else waits");
});

Deno.test("an IPv6 host and its site are counted, however many addresses they have", () => {
  assert.deepEqual(addressBlocks("192.0.2.7"), ["192.0.2.7"]);
  assert.deepEqual(addressBlocks("::ffff:192.0.2.7"), ["192.0.2.7"]);
  assert.deepEqual(addressBlocks("2001:db8:1:2ff:3::4"), [
    "2001:db8:1:2ff::/64",
    "2001:db8:1:200::/56",
    "2001:db8:1::/48",
  ]);
});

Deno.test("whatever happens, no more than the limit of guesses is asked in a window", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          ip: fc.constantFrom("192.0.2.1", "192.0.2.2"),
          name: fc.constantFrom("ada", "\u00e1da", "bob"),
          hangsUp: fc.boolean(),
        }),
        { minLength: 1, maxLength: 60 },
      ),
      async (tries) => {
        const guesses = new Map<string, number>();
        const { attempt } = await house((password) =>
          password === "hang" ? { kind: "unavailable", reason: "gone" } : { kind: "rejected" }
        );
        for (const { ip, name, hangsUp } of tries) {
          const outcome = await attempt({
            ip,
            name,
            ...(hangsUp ? { password: "hang", signal: AbortSignal.abort() } : {}),
          });
          if (outcome.kind === "throttled") continue;
          const key = `${ip} ${name === "bob" ? "bob" : "ada"}`;
          guesses.set(key, (guesses.get(key) ?? 0) + 1);
        }
        for (const [key, count] of guesses) assert.ok(count <= 10, `${key}: ${count}`);
      },
    ),
    { numRuns: 60, seed: 11 },
  );
});

Deno.test("thirty jobs of one account that sign in at once all get in", async () => {
  const { hmacKeys: [counterKey] } = (await testKeys()).ring;
  assert.ok(counterKey !== undefined);
  const throttle = createThrottle({
    store: createMemoryStore({ clock: createTestClock() }),
    options: { windowMs: 900_000, holdMs: HOLD_MS, perUser: 10, perAddress: 100 },
    counterKey,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms / 10)),
  });
  const job = async () => {
    const turn = await throttle.take({ name: "ci", address: "192.0.2.1", device: null });
    if (turn.kind !== "allowed") return turn.kind;
    await new Promise((resolve) => setTimeout(resolve, 10));
    await turn.settle("succeeded");
    return "in";
  };
  const all = await Promise.all(Array.from({ length: 30 }, job));
  assert.deepEqual([...new Set(all)], ["in"]);
});
