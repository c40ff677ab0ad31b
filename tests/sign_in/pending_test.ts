/**
 * Flows under way: tabs, old pages, other browsers.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { createFlows } from "../../src/sign_in/pending.ts";
import type { FlowWish } from "../../src/sign_in/pending.ts";
import { createTestClock } from "../support/clock.ts";
import { testKeys } from "../support/gateway.ts";

const WISH: FlowWish = {
  provider: "work",
  returnTo: "/reports?year=2026",
  maxAgeSeconds: null,
  acrValues: [],
  restarts: 0,
  afterMs: 0,
};

/** A browser's cookies for one host. */
function createJar() {
  const held = new Map<string, string>();
  return {
    held,
    header: () => Array.from(held, ([name, value]) => `${name}=${value}`).join("; ") || null,
    take(setCookies: readonly string[]) {
      for (const line of setCookies) {
        const [pair = ""] = line.split(";");
        const name = pair.slice(0, pair.indexOf("="));
        if (/Max-Age=0\b/.test(line)) held.delete(name);
        else held.set(name, pair.slice(name.length + 1));
      }
    },
  };
}

async function flows(secure = true) {
  const { ring } = await testKeys();
  const clock = createTestClock();
  return { clock, flows: createFlows({ hmacKeys: ring.hmacKeys, secure, clock }) };
}

Deno.test("a flow comes back whole to the browser that began it, and is gone then", async () => {
  const { flows: ours } = await flows();
  const jar = createJar();
  const begun = await ours.begin(WISH, jar.header());
  jar.take(begun.setCookies);
  const [line = ""] = begun.setCookies;
  assert.match(line, /^__Host-postern-flow-\d{10}-/);
  assert.match(line, /; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
  assert.doesNotMatch(begun.state + line, /reports/, "sealed");
  const recalled = await ours.recall(begun.state, "work", jar.header());
  assert.deepEqual(recalled.kind === "pending" && recalled.flow, begun.flow);
  jar.take(recalled.kind === "pending" ? recalled.setCookies : []);
  assert.equal(jar.held.size, 0);
  const again = await ours.recall(begun.state, "work", jar.header());
  assert.deepEqual(again, { kind: "stale", wish: WISH, setCookies: [] });
});

Deno.test("another browser, and somebody who opens the address of another, can only begin again", async () => {
  const { flows: ours } = await flows();
  const theirs = createJar();
  const begun = await ours.begin(WISH, null);
  theirs.take((await ours.begin({ ...WISH, returnTo: "/else" }, null)).setCookies);
  const recalled = await ours.recall(begun.state, "work", theirs.header());
  assert.deepEqual(recalled, { kind: "stale", wish: WISH, setCookies: [] });
});

Deno.test("a page left open overnight begins again, where the person wanted to go", async () => {
  const { flows: ours, clock } = await flows();
  const jar = createJar();
  const begun = await ours.begin(WISH, null);
  jar.take(begun.setCookies);
  clock.advance(12 * 3_600_000);
  const recalled = await ours.recall(begun.state, "work", jar.header());
  assert.equal(recalled.kind, "stale");
  assert.equal(recalled.kind === "stale" && recalled.wish.returnTo, WISH.returnTo);
});

Deno.test("what is not ours, or another provider's, is foreign", async () => {
  const { flows: ours } = await flows();
  const begun = await ours.begin(WISH, null);
  assert.equal((await ours.recall(begun.state, "other", null)).kind, "foreign");
  assert.equal((await ours.recall(`${begun.state}x`, "work", null)).kind, "foreign");
  assert.equal((await ours.recall("", "work", null)).kind, "foreign");
  await fc.assert(
    fc.asyncProperty(fc.string(), async (state) => {
      assert.equal((await ours.recall(state, "work", null)).kind, "foreign");
    }),
    { numRuns: 200 },
  );
});

Deno.test("the secrets of a cookie do not open as a state, nor the other way round", async () => {
  const { flows: ours } = await flows();
  const begun = await ours.begin(WISH, null);
  const value = begun.setCookies[0]?.split(";")[0]?.split("=")[1] ?? "";
  assert.equal((await ours.recall(value, "work", null)).kind, "foreign");
});

Deno.test("200 flows begun leave no cookie heap, and the last ones are the ones that live", async () => {
  const { flows: ours, clock } = await flows();
  const jar = createJar();
  const states: string[] = [];
  for (let i = 0; i < 200; i++) {
    const begun = await ours.begin({ ...WISH, returnTo: `/${i}` }, jar.header());
    jar.take(begun.setCookies);
    states.push(begun.state);
    clock.advance(1_000);
  }
  assert.ok(jar.held.size <= 6, `${jar.held.size} cookies`);
  assert.ok((jar.header() ?? "").length < 5_000);
  for (const state of states.slice(-5)) {
    assert.equal((await ours.recall(state, "work", jar.header())).kind, "pending");
  }
});

Deno.test("long addresses to go on to share the room among the flows", async () => {
  const { flows: ours, clock } = await flows();
  const jar = createJar();
  const returnTo = `/${"a".repeat(1_990)}`;
  for (let i = 0; i < 10; i++) {
    const begun = await ours.begin({ ...WISH, returnTo }, jar.header());
    jar.take(begun.setCookies);
    assert.ok(begun.state.length < 1_200, `a state of ${begun.state.length}`);
    const recalled = await ours.recall(begun.state, "work", jar.header());
    assert.equal(recalled.kind === "pending" && recalled.flow.returnTo, returnTo);
    clock.advance(1_000);
  }
  assert.ok((jar.header() ?? "").length < 5_000, `${jar.header()?.length}`);
});

Deno.test("on http://localhost the cookie has neither prefix nor Secure", async () => {
  const { flows: ours } = await flows(false);
  const [line = ""] = (await ours.begin(WISH, null)).setCookies;
  assert.match(line, /^postern-flow-/);
  assert.doesNotMatch(line, /Secure/);
});

Deno.test("a cookie that merely looks like a flow's is another's, and begins nothing here", async () => {
  const { flows: ours } = await flows();
  const jar = createJar();
  const begun = await ours.begin(WISH, null);
  jar.take(begun.setCookies);
  const [[name = "", value = ""] = []] = jar.held;
  for (const char of ["\u00A0", "\u2000", "\u3000", "\uFEFF", "\u200B", "\u0085", "\v", "\f"]) {
    for (const planted of [`${char}${name}=${value}`, `${name}${char}=${value}`]) {
      const recalled = await ours.recall(begun.state, "work", `a=1; ${planted}`);
      assert.equal(recalled.kind, "stale", JSON.stringify(planted.slice(0, 20)));
    }
  }
  assert.equal((await ours.recall(begun.state, "work", `\t${name}=${value} `)).kind, "pending");
});
