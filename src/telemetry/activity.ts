/**
 * What happened in the last quarter of an hour, counted in steps of five seconds: enough for a
 * small plot, without anything that would have to be stored.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { AuditEvent } from "./events.ts";

/** What is counted. */
export const ACTIVITY_KINDS = [
  "requests",
  "errors",
  "denied",
  "signIns",
  "signInsFailed",
  "refreshes",
] as const;

/** One of {@link ACTIVITY_KINDS}. */
export type ActivityKind = (typeof ACTIVITY_KINDS)[number];

/** The counts of one step. */
export type ActivityStep = { readonly atMs: number } & Readonly<Record<ActivityKind, number>>;

/** Counts what happens. */
export interface Activity {
  answered(status: number): void;
  /** Answers of another instance of this process, `errors` of them with a status from 500 on. */
  answeredElsewhere(requests: number, errors: number): void;
  event(event: AuditEvent): void;
  /** Whole steps and the running one, oldest first; quiet ones are in it too. */
  read(): readonly ActivityStep[];
  /** Refusals of the whole span by problem code, most frequent first. */
  refusals(): readonly (readonly [code: string, count: number])[];
}

/** The length of a step. */
export const STEP_MS = 5_000;
const STEPS = 180;

interface Step {
  index: number;
  counts: Record<ActivityKind, number>;
  refusals: Map<string, number>;
}

/** Starts counting. */
export function createActivity(clock: Clock): Activity {
  const ring: (Step | undefined)[] = new Array(STEPS);

  function now(): Step {
    const index = Math.floor(clock() / STEP_MS);
    const known = ring[index % STEPS];
    if (known?.index === index) return known;
    const step = { index, counts: zeros(), refusals: new Map() };
    ring[index % STEPS] = step;
    return step;
  }

  return {
    answered(status) {
      const { counts } = now();
      counts.requests += 1;
      if (status >= 500) counts.errors += 1;
    },

    answeredElsewhere(requests, errors) {
      const { counts } = now();
      counts.requests += requests;
      counts.errors += errors;
    },

    event(event) {
      const kind = kindOf(event);
      if (kind === null) return;
      const step = now();
      step.counts[kind] += 1;
      // Codes are a closed list of ours.
      if (event.event === "denied") {
        step.refusals.set(event.code, (step.refusals.get(event.code) ?? 0) + 1);
      }
    },

    read() {
      const last = Math.floor(clock() / STEP_MS);
      return Array.from({ length: STEPS }, (_, offset) => {
        const index = last - STEPS + 1 + offset;
        const step = ring[((index % STEPS) + STEPS) % STEPS];
        return { atMs: index * STEP_MS, ...(step?.index === index ? step.counts : zeros()) };
      });
    },

    refusals() {
      const first = Math.floor(clock() / STEP_MS) - STEPS + 1;
      const sums = new Map<string, number>();
      for (const step of ring) {
        if (step === undefined || step.index < first) continue;
        for (const [code, count] of step.refusals) sums.set(code, (sums.get(code) ?? 0) + count);
      }
      return Array.from(sums).sort((one, other) => other[1] - one[1]);
    },
  };
}

function zeros(): Record<ActivityKind, number> {
  return { requests: 0, errors: 0, denied: 0, signIns: 0, signInsFailed: 0, refreshes: 0 };
}

function kindOf({ event }: AuditEvent): ActivityKind | null {
  switch (event) {
    case "denied":
      return "denied";
    case "sign_in":
      return "signIns";
    case "sign_in_failed":
    case "sign_in_throttled":
      return "signInsFailed";
    case "refresh":
      return "refreshes";
    default:
      return null;
  }
}
