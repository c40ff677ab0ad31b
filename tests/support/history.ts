/**
 * What many clients did to token families, and whether it could have happened
 * one after the other: the checker of the linearizability test.
 *
 * @module
 */

/** A sign-in. */
export interface Opening {
  readonly kind: "open";
  readonly sid: string;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
}

/** One exchange of a refresh token, as its client saw it. */
export interface Refresh {
  readonly kind: "refresh";
  readonly sid: string;
  /** `jti` of the refresh token that was presented. */
  readonly presented: string;
  /** Whether the key of a bound session was proven. */
  readonly proven: boolean;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
  /** `lost`: no answer came, so it may have happened or not. `later`: 503, nothing was decided. */
  readonly result:
    | { readonly kind: "rotated"; readonly successor: string; readonly accessJti: string }
    /** `unproven`: told that the key was not proven. */
    | { readonly kind: "refused" | "unproven" | "lost" | "later" };
}

/** A session was bound to a key, acknowledged. */
export interface Binding {
  readonly kind: "bind";
  readonly sid: string;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
}

/** The end of a session, acknowledged: by sign-out, or because reuse was told. */
export interface End {
  readonly kind: "end";
  readonly sid: string;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
}

/** An access token on a protected route. */
export interface Use {
  readonly kind: "use";
  readonly sid: string;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
  readonly admitted: boolean;
}

/** One entry of a history. */
export type Happening = Opening | Refresh | Binding | End | Use;

/** A time in which the store lost its memory, or a part of it: flushed, put back to a snapshot. */
export interface Amnesia {
  readonly beganAtMs: number;
  /** By when every instance that still knew had told the store again. */
  readonly endedAtMs: number;
}

/** What the clients promise to have done. */
export interface Rules {
  /** Sessions whose clients did nothing wrong: they retried at once and never came back late. */
  readonly honest: ReadonlySet<string>;
  /** Within which a revocation must be known everywhere. */
  readonly boundMs: number;
  /** In order. */
  readonly amnesias?: readonly Amnesia[];
}

/** Everything in a history that must not be, in words; empty when it holds. */
export function violations(history: readonly Happening[], rules: Rules): string[] {
  const found: string[] = [];
  const { amnesias = [] } = rules;
  for (const [sid, happenings] of Map.groupBy(history, ({ sid }) => sid)) {
    // What the store has forgotten it may decide anew, and once only after that.
    const ages = Map.groupBy(happenings, (happening) => ageOf(happening, amnesias));
    for (const [age, part] of ages) {
      if (age !== null) found.push(...forks(sid, part), ...unlocked(sid, part));
    }
    found.push(...revivals(sid, happenings, rules));
    if (rules.honest.has(sid)) found.push(...strandings(sid, remembered(happenings, amnesias)));
  }
  return found;
}

/** Between which amnesias something happened; `null`: during one. */
function ageOf(happening: Happening, amnesias: readonly Amnesia[]): number | null {
  let age = 0;
  for (const { beganAtMs, endedAtMs } of amnesias) {
    if (happening.beganAtMs > endedAtMs) age++;
    else if (happening.endedAtMs >= beganAtMs) return null;
  }
  return age;
}

/** Without what happened to a session after the store had forgotten something of it. */
function remembered(
  happenings: readonly Happening[],
  amnesias: readonly Amnesia[],
): readonly Happening[] {
  const openedAtMs = Math.min(...happenings.map(({ beganAtMs }) => beganAtMs));
  const forgotten = amnesias.find(({ endedAtMs }) => endedAtMs >= openedAtMs);
  return forgotten === undefined
    ? happenings
    : happenings.filter(({ endedAtMs }) => endedAtMs < forgotten.beganAtMs);
}

/** A family is a chain: one successor for each token, one predecessor for each successor. */
function forks(sid: string, happenings: readonly Happening[]): string[] {
  const found: string[] = [];
  const successors = new Map<string, string>();
  const predecessors = new Map<string, string>();
  const accesses = new Map<string, string>();
  for (const happening of happenings) {
    if (happening.kind !== "refresh" || happening.result.kind !== "rotated") continue;
    const { presented, result: { successor, accessJti } } = happening;
    const known = successors.get(presented);
    if (known !== undefined && known !== successor) {
      found.push(`${sid}: ${presented} has two successors, ${known} and ${successor}`);
    }
    successors.set(presented, successor);
    const before = predecessors.get(successor);
    if (before !== undefined && before !== presented) {
      found.push(`${sid}: ${successor} follows two tokens, ${before} and ${presented}`);
    }
    predecessors.set(successor, presented);
    const access = accesses.get(successor);
    if (access !== undefined && access !== accessJti) {
      found.push(`${sid}: ${successor} came with two access tokens`);
    }
    accesses.set(successor, accessJti);
  }
  for (const start of successors.keys()) {
    let token: string | undefined = successors.get(start);
    for (let steps = 0; token !== undefined; steps++) {
      if (token === start || steps > successors.size) {
        found.push(`${sid}: the family goes round in a circle`);
        return found;
      }
      token = successors.get(token);
    }
  }
  return found;
}

/** What is bound is rotated for its key alone, and for its key it is. */
function unlocked(sid: string, happenings: readonly Happening[]): string[] {
  const bindings = happenings.filter(({ kind }) => kind === "bind");
  const boundAtMs = Math.min(...bindings.map((binding) => binding.endedAtMs));
  return happenings.flatMap((happening) => {
    if (happening.kind !== "refresh" || happening.beganAtMs <= boundAtMs) return [];
    const { proven, result, beganAtMs } = happening;
    if (!proven && result.kind === "rotated") {
      return [`${sid}: rotated without its key, ${beganAtMs - boundAtMs} ms after it was bound`];
    }
    return proven && result.kind === "unproven" ? [`${sid}: its own key was not taken`] : [];
  });
}

/** What has ended stays so. */
function revivals(
  sid: string,
  happenings: readonly Happening[],
  { boundMs, amnesias = [] }: Rules,
): string[] {
  const ends = happenings.filter(({ kind }) => kind === "end");
  if (ends.length === 0) return [];
  const endedAtMs = Math.min(...ends.map((end) => end.endedAtMs));
  return happenings.flatMap((happening) => {
    if (ageOf(happening, amnesias) === null) return [];
    if (
      happening.kind === "refresh" && happening.result.kind === "rotated" &&
      happening.beganAtMs > endedAtMs
    ) {
      return [`${sid}: rotated ${happening.beganAtMs - endedAtMs} ms after its end`];
    }
    if (
      happening.kind === "use" && happening.admitted && happening.beganAtMs > endedAtMs + boundMs
    ) {
      return [`${sid}: admitted ${happening.beganAtMs - endedAtMs} ms after its end`];
    }
    return [];
  });
}

/** Nobody who did nothing wrong is sent away. */
function strandings(sid: string, happenings: readonly Happening[]): string[] {
  return happenings.flatMap((happening) => {
    if (happening.kind === "refresh" && happening.result.kind === "refused") {
      return [`${sid}: an honest client was refused with ${happening.presented}`];
    }
    if (happening.kind === "use" && !happening.admitted) {
      return [`${sid}: an honest client was turned away`];
    }
    return happening.kind === "end" ? [`${sid}: an honest client's session was ended`] : [];
  });
}
