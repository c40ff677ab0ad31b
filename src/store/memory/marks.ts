/**
 * The marks of groups in memory: up to when sessions of a group are revoked.
 *
 * @module
 */
import { EVERYBODY } from "../port.ts";
import { ExpiringMap } from "./expiring_map.ts";

/** The marks' part of the memory store. */
export interface MemoryMarks {
  /** The latest mark on one of the groups, or on everybody. */
  latest(names: readonly string[], nowMs: number): number | null;
  /** Moves a mark up, and makes it stay for longer; neither ever goes back. Returns where it stands. */
  raise(group: string, notAfterMs: number, endsAtMs: number, nowMs: number): number;
  sweep(nowMs: number): void;
  clear(): void;
}

/** Creates an empty one. */
export function createMemoryMarks(): MemoryMarks {
  const groups = new ExpiringMap<number>();

  return {
    latest(names, nowMs) {
      let latest = groups.get(EVERYBODY, nowMs);
      for (const name of names) {
        const mark = groups.get(name, nowMs);
        if (mark !== null && (latest === null || mark > latest)) latest = mark;
      }
      return latest;
    },

    raise(group, notAfterMs, endsAtMs, nowMs) {
      const known = groups.entry(group, nowMs);
      const raised = Math.max(notAfterMs, known?.value ?? 0);
      groups.set(group, raised, Math.max(endsAtMs, known?.endsAtMs ?? 0));
      return raised;
    },

    sweep: (nowMs) => groups.sweep(nowMs),
    clear: () => groups.clear(),
  };
}
