/**
 * A chain through the log: each line holds the SHA-256 of the one before it, so that none can be
 * taken out, put in or changed unless all that follow are made anew. Ship the log elsewhere, or keep
 * a digest from time to time, and that is noticed too.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Makes a chain of lines that are JSON objects; each process begins one of its own. */
export function createLogChain(id: string = crypto.randomUUID()): (line: string) => string {
  let sequence = 0;
  let previous = "";
  return function link(line) {
    const linked = `${
      line.slice(0, -1)
    },"chain":{"id":"${id}","seq":${sequence},"prev":"${previous}"}}`;
    previous = digestOf(linked);
    sequence += 1;
    return linked;
  };
}

/** What is wrong with a log; line numbers begin with 1. */
export type ChainOutcome =
  | {
    readonly kind: "whole";
    readonly lines: number;
    readonly chains: number;
    readonly last: string;
  }
  | { readonly kind: "broken"; readonly line: number; readonly problem: string };

/** Follows every chain of a log. Lines that are in none (start lines, warnings) are counted out. */
export function checkLogChain(lines: Iterable<string>): ChainOutcome {
  const chains = new Map<string, { next: number; previous: string }>();
  let number = 0;
  let linked = 0;
  let last = "";
  for (const line of lines) {
    number += 1;
    const [, id, sequence, prev] =
      /,"chain":\{"id":"([\w-]+)","seq":(\d+),"prev":"([0-9a-f]*)"\}\}$/.exec(line) ?? [];
    if (id === undefined || sequence === undefined || prev === undefined) continue;
    const known = chains.get(id) ?? { next: 0, previous: "" };
    const broken = (problem: string): ChainOutcome => ({ kind: "broken", line: number, problem });
    if (Number(sequence) !== known.next) {
      return broken(`line ${known.next} of chain ${id} is missing, or stands elsewhere`);
    }
    if (prev !== known.previous) return broken("the line before it was changed");
    last = digestOf(line);
    chains.set(id, { next: known.next + 1, previous: last });
    linked += 1;
  }
  return { kind: "whole", lines: linked, chains: chains.size, last };
}

function digestOf(line: string): string {
  return createHash("sha256").update(line).digest("hex");
}
