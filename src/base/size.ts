/**
 * Sizes as they are written in the configuration: a number with a unit.
 *
 * @module
 */

/** `"512B"`, `"64KiB"`, `"10MiB"`, `"1GiB"`. */
export type Size = `${number}${"B" | "KiB" | "MiB" | "GiB"}`;

const BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;
/** How a {@link Size} is written. */
export const SIZE = /^(\d+)(B|KiB|MiB|GiB)$/;

/** Whether a text is a whole number with one of the units. */
export function isSize(text: string): text is Size {
  return SIZE.test(text);
}

/** The size in bytes. */
export function sizeBytes(size: Size): number {
  const [, number, unit] = SIZE.exec(size) ?? [];
  return Number(number) * BYTES[(unit ?? "B") as keyof typeof BYTES];
}
