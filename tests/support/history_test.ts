import assert from "node:assert/strict";
import { type Happening, violations } from "./history.ts";

let nowMs = 0;
const timed = () => ({ sid: "s", beganAtMs: nowMs += 10, endedAtMs: nowMs += 10 });
const rotated = (presented: string, successor: string, accessJti = `access-${successor}`) =>
  ({
    kind: "refresh",
    ...timed(),
    presented,
    proven: false,
    result: { kind: "rotated", successor, accessJti },
  }) as const;
const answered = (presented: string, kind: "refused" | "unproven" | "lost" | "later") =>
  ({ kind: "refresh", ...timed(), presented, proven: false, result: { kind } }) as const;
const proven = <R extends Happening>(happening: R) => ({ ...happening, proven: true });
const bind = () => ({ kind: "bind", ...timed() }) as const;
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

Deno.test("checker: what is bound is rotated for its key alone", () => {
  const history = [
    rotated("a", "b"),
    bind(),
    proven(rotated("b", "c")),
    answered("b", "unproven"),
    answered("c", "unproven"),
    proven(rotated("c", "d")),
  ];
  assert.equal(check(history), "", "whoever has no key changes nothing for who has");
  assert.match(check([bind(), rotated("a", "b")]), /rotated without its key/);
  assert.match(check([bind(), proven(answered("a", "unproven"))]), /its own key was not taken/);
  const racing = { ...bind(), endedAtMs: nowMs + 100 };
  assert.equal(check([racing, rotated("a", "b")]), "", "it may have come first");
  const amnesia = { beganAtMs: nowMs += 200, endedAtMs: nowMs += 100 };
  const rules = { ...RULES, amnesias: [amnesia] };
  assert.equal(check([...history, rotated("x", "y")], rules), "", "forgotten");
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
