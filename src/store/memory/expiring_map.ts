/**
 * A map whose entries expire.
 *
 * @module
 */

/** A value and when it goes. */
export interface Kept<T> {
  readonly value: T;
  readonly endsAtMs: number;
}

/** Entries that are past their end are not found; {@link ExpiringMap.sweep} drops them. */
export class ExpiringMap<T> {
  readonly #entries = new Map<string, Kept<T>>();

  get(key: string, nowMs: number): T | null {
    return this.entry(key, nowMs)?.value ?? null;
  }

  entry(key: string, nowMs: number): Kept<T> | null {
    const kept = this.#entries.get(key);
    return kept !== undefined && kept.endsAtMs > nowMs ? kept : null;
  }

  set(key: string, value: T, endsAtMs: number): void {
    this.#entries.set(key, { value, endsAtMs });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  *values(nowMs: number): Iterable<T> {
    for (const kept of this.#entries.values()) if (kept.endsAtMs > nowMs) yield kept.value;
  }

  sweep(nowMs: number): void {
    for (const [key, kept] of this.#entries) if (kept.endsAtMs <= nowMs) this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
