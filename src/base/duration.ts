/**
 * Durations with a unit, so that no plain number ever has to be guessed at.
 *
 * @module
 */

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A length of time with its unit: `"500ms"`, `"30s"`, `"30m"`, `"12h"`, `"30d"`. */
export type Duration = `${number}${keyof typeof UNIT_MS}`;

/** How a {@link Duration} is written. */
export const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

/** Whether a string is a {@link Duration}. */
export function isDuration(text: string): text is Duration {
  return DURATION.test(text);
}

/** Milliseconds of a {@link Duration}, rounded to whole ones. */
export function durationMs(duration: Duration): number {
  const [, amount, unit] = DURATION.exec(duration) ?? [];
  if (amount === undefined || unit === undefined) {
    throw new TypeError(`"${duration}" is not a duration such as "30s" or "15m"`);
  }
  return Math.round(Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]);
}

export function seconds(duration: Duration): number {
  return Math.max(0, Math.round(durationMs(duration) / 1000));
}
