/**
 * Counts how many characters of a text a function looks at, so that a test can
 * show that its work grows with the length and not with its square. No clock.
 *
 * @module
 */

/** What each method of a string costs: the characters that it may have to look at. */
const COSTS: Readonly<
  Record<string, (text: string, args: readonly unknown[], result: unknown) => number>
> = {
  charCodeAt: () => 1,
  codePointAt: () => 1,
  at: () => 1,
  charAt: () => 1,
  startsWith: (_text, [what]) => String(what).length,
  endsWith: (_text, [what]) => String(what).length,
  indexOf: (text, [, from], result) => distance(text, Number(from ?? 0), Number(result)),
  lastIndexOf: (text, _args, result) => text.length - Number(result),
  includes: (text) => text.length,
  slice: () => 1,
  split: (text) => text.length,
  trim: (text) => text.length,
  toLowerCase: (text) => text.length,
  toUpperCase: (text) => text.length,
  normalize: (text) => text.length,
  replace: (text) => text.length,
  replaceAll: (text) => text.length,
};

function distance(text: string, from: number, result: number): number {
  return (result < 0 ? Math.max(text.length, from) : result) - from + 1;
}

/** A regular expression is no business of a scanner: texts longer than this may not meet one. */
const LONGEST_FOR_REGEXP = 64;

/** Runs `run` and hands back the number of its steps. */
export function countSteps(run: () => void): number {
  let steps = 0;
  const restore: (() => void)[] = [];
  const prototype = String.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const [name, cost] of Object.entries(COSTS)) {
    const original = prototype[name];
    if (original === undefined) throw new TypeError(`a string has no ${name}`);
    prototype[name] = function counted(this: string, ...args: unknown[]) {
      const result = original.apply(this, args);
      steps += cost(this, args, result);
      return result;
    };
    restore.push(() => prototype[name] = original);
  }
  const exec = RegExp.prototype.exec;
  RegExp.prototype.exec = function counted(this: RegExp, text: string) {
    if (text.length > LONGEST_FOR_REGEXP) {
      throw new Error(`${this} meets ${text.length} characters`);
    }
    return exec.call(this, text);
  };
  restore.push(() => RegExp.prototype.exec = exec);
  try {
    run();
  } finally {
    for (const undo of restore) undo();
  }
  return steps;
}
