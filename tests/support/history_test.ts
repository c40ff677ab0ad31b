import assert from "node:assert/strict";
import { type Happening, violations } from "./history.ts";

let nowMs = 0;
const timed = () => ({ sid: "s", beganAtMs: nowMs += 10, endedAtMs: nowMs += 10 });
const rotated = (presented: string, successor: string, accessJti = `access-${successor}`) =>
  ({
    kind: "refresh",
    ...timed(),
    presented,
    result: { kind: "rotated", successor, accessJti },
  }) as const;
const answered = (presented: string, kind: "refused" | "lost" | "later") =>
  ({ kind: "refresh", ...timed(), presented, result: { kind } }) as const;
const end = () => ({ kind: "end", ...timed() }) as const;
const use = (admitted: boolean) => ({ kind: "use", ...timed(), admitted }) as const;

const RULES = { honest: new Set(["s"]), boundMs: 100 };
const DISHONEST = { ...RULES, honest: new Set<string>() };

function check(history: readonly Happening[], rules = RULES): string {
  return violations(history, rules).join("; ");
}

Deno.test("checker: a chain with replays and lost answers holds", () => {
  const history = [
    rotated("a", "b"),
    rotated("a", "b"),
    use(true),
    answered("b", "lost"),
    answered("b", "later"),
    rotated("b", "c"),
  ];
  assert.equal(check(history), "");
});

Deno.test("checker: an end, and refusals after it, hold", () => {
  const history = [rotated("a", "b"), end(), use(true), answered("b", "refused"), use(false)];
  assert.equal(check(history, DISHONEST), "");
});

Deno.test("checker: a rotation that overlaps the end may win", () => {
  const ended = { ...end(), endedAtMs: nowMs + 100 };
  assert.equal(check([ended, rotated("a", "b")], DISHONEST), "");
});

Deno.test("checker: what the store forgot may be decided anew, once", () => {
  const before = [rotated("a", "b"), rotated("b", "c")];
  const amnesia = { beganAtMs: nowMs += 10, endedAtMs: nowMs += 100 };
  const during = { ...rotated("a", "x"), beganAtMs: amnesia.beganAtMs + 5 };
  const rules = { ...RULES, amnesias: [amnesia] };
  assert.equal(check([...before, during, rotated("a", "d"), answered("c", "refused")], rules), "");
  assert.match(check([...before, rotated("a", "d"), rotated("a", "e")], rules), /two successors/);
  assert.match(check([end(), rotated("a", "b")], { ...rules, honest: new Set() }), /after its end/);
  assert.match(check([rotated("p", "q"), answered("q", "refused")], rules), /was refused/);
});

Deno.test("checker: every kind of violation is found", () => {
  assert.match(check([rotated("a", "b"), rotated("a", "c")]), /two successors/);
  assert.match(check([rotated("a", "c"), rotated("b", "c")]), /follows two tokens/);
  assert.match(check([rotated("a", "b", "x"), rotated("a", "b", "y")]), /two access tokens/);
  assert.match(check([rotated("a", "b"), rotated("b", "a")]), /circle/);
  assert.match(check([rotated("a", "a")]), /circle/);
  assert.match(check([end(), rotated("a", "b")], DISHONEST), /rotated \d+ ms after its end/);
  const late = { ...use(true), beganAtMs: nowMs + 500, endedAtMs: nowMs + 510 };
  assert.match(check([end(), late], DISHONEST), /admitted \d+ ms after its end/);
  assert.match(check([answered("a", "refused")]), /honest client was refused/);
  assert.match(check([use(false)]), /honest client was turned away/);
  assert.match(check([end()]), /honest client's session was ended/);
});
