/**
 * What became of fetching the keys of issuers and providers: for the metrics and for those who look.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { KeySetReport } from "../tokens/issuers/key_set.ts";

/** The keys of one issuer. */
export interface KeySetState {
  /** Epoch milliseconds; `null`: never yet. */
  readonly refreshedAtMs: number | null;
  /** Why the last fetch failed; `null`: it did not. */
  readonly problem: string | null;
}

/** Remembers reports, by the name of the issuer in the configuration. */
export interface KeySetLog {
  note(name: string, report: KeySetReport): void;
  read(name: string): KeySetState;
  /** How old the key sets are that were ever fetched, in milliseconds. */
  ages(): { readonly issuer: string; readonly ageMs: number }[];
}

const NOTHING: KeySetState = { refreshedAtMs: null, problem: null };

/** Starts with nothing known. */
export function createKeySetLog(
  clock: Clock,
  counted: (issuer: string, result: KeySetReport["result"]) => void,
): KeySetLog {
  const states = new Map<string, KeySetState>();
  return {
    note(name, report) {
      counted(name, report.result);
      const { refreshedAtMs } = states.get(name) ?? NOTHING;
      states.set(
        name,
        report.result === "refreshed"
          ? { refreshedAtMs: clock(), problem: null }
          : { refreshedAtMs, problem: report.reason },
      );
    },
    read: (name) => states.get(name) ?? NOTHING,
    ages: () =>
      Array.from(states).flatMap(([issuer, { refreshedAtMs }]) =>
        refreshedAtMs === null ? [] : [{ issuer, ageMs: Math.max(0, clock() - refreshedAtMs) }]
      ),
  };
}
