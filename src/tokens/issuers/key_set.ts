/**
 * The keys of one issuer, kept fresh: one fetch at a time, none too soon after
 * the one before (a failed one counts too), and an issuer that is down takes
 * nobody down with it. No token can name the place that its key comes from.
 *
 * @module
 */
import type { WaitUntil } from "../../base/background.ts";
import type { Clock } from "../../base/clock.ts";
import type { JsonValue } from "../../base/json.ts";
import type { GetJson } from "../../outbound/get_json.ts";
import { createLocate } from "./discovery.ts";
import { readKeySet } from "./jwk.ts";
import type { PublicKey } from "./jwk.ts";
import { KEY_FETCH_LIMITS, KEY_SET_DEFAULTS } from "./options.ts";
import type { ForeignAlgorithm, KeySetOptions } from "./options.ts";

/** Which key a token says it was signed with. */
export interface KeyQuestion {
  readonly alg: ForeignAlgorithm;
  /** `null`: the token names none, so exactly one key must fit. */
  readonly kid: string | null;
}

/**
 * The key, or why there is none: `unknown_key` is the token's fault,
 * `unavailable` is that no set could be had at all.
 */
export type KeyFinding = PublicKey | "unknown_key" | "unavailable";

/** The keys of one issuer. */
export interface KeySet {
  /** Finds a key; a promise only where a fetch has to be waited for. */
  find(question: KeyQuestion, waitUntil: WaitUntil): KeyFinding | Promise<KeyFinding>;
  /**
   * Whether the set is fresh, or the best that can be had while its issuer fails,
   * so that `isTrusted` of its keys can be relied on; renews it in the background in time.
   */
  isFresh(waitUntil: WaitUntil): boolean;
}

/** A copy of key sets that outlives this instance (the Cache API of Workers). */
export interface SharedDocuments {
  read(url: string): Promise<{ readonly document: JsonValue; readonly atMs: number } | null>;
  write(url: string, copy: { readonly document: JsonValue; readonly atMs: number }): Promise<void>;
}

/** What became of a fetch, for the log and the metrics. */
export type KeySetReport =
  | { readonly result: "refreshed"; readonly keys: number; readonly shared: boolean }
  | { readonly result: "failed"; readonly reason: string };

/** What a key set needs. */
export interface KeySetParts {
  readonly clock: Clock;
  readonly getJson: GetJson;
  readonly shared?: SharedDocuments | undefined;
  readonly report?: (report: KeySetReport) => void;
}

/** Renewal in the background begins when this part of the fresh time is over. */
const RENEW_AT = 0.8;
/** With no set at all, the first pause after a failure; it doubles up to the cool-down. */
const FIRST_PAUSE_MS = 1_000;

type Fetched = { readonly keys: readonly PublicKey[]; readonly atMs: number };

/** Prepares the keys of one issuer; nothing is fetched until a key is asked for. */
export function createKeySet(
  source: { readonly issuer: string; readonly jwks: string | null },
  parts: KeySetParts,
  options: KeySetOptions = KEY_SET_DEFAULTS,
): KeySet {
  const { clock, getJson, shared, report } = parts;
  const { locate, forget } = createLocate(source, getJson);
  // One answer to discovery and one to the key set, and as much again for the shared copy.
  const flightEndsMs = 3 * KEY_FETCH_LIMITS.timeoutMs;
  let current: Fetched | null = null;
  let flight: { readonly done: Promise<void>; readonly beganMs: number } | null = null;
  let lastFetchMs = -Infinity;
  let failures = 0;

  function take(document: JsonValue, atMs: number): boolean {
    const read = readKeySet(document);
    if (read === null) return false;
    const before = new Map(current?.keys.map((key) => [key.identity, key]));
    // A key that is still there stays the same object, and so do the tokens it verified.
    const keys = read.map((key) => before.get(key.identity) ?? key);
    const kept = new Set(keys);
    for (const key of before.values()) key.isTrusted = kept.has(key);
    current = { keys, atMs };
    return true;
  }

  async function readShared(url: string, forced: boolean): Promise<boolean> {
    const copy = await shared?.read(url).catch(() => null) ?? null;
    if (copy === null) return false;
    const ageMs = clock() - copy.atMs;
    // Asked for a key that is not there, only a copy that is newer than the cool-down may do.
    const enoughMs = forced ? options.cooldownMs : options.freshMs * RENEW_AT;
    if (ageMs < 0 || ageMs >= enoughMs || copy.atMs <= (current?.atMs ?? -Infinity)) return false;
    return take(copy.document, copy.atMs);
  }

  async function refresh(forced: boolean): Promise<void> {
    const located = await locate(clock());
    if (located.kind === "failed") return failed(located.reason);
    if (await readShared(located.url, forced)) return refreshed(true);
    const answer = await getJson(located.url);
    if (answer.kind !== "json") {
      forget();
      return failed(answer.kind === "failed" ? answer.reason : `status ${answer.status}`);
    }
    const atMs = clock();
    if (!take(answer.document, atMs)) return failed("the answer is no key set that can be used");
    await shared?.write(located.url, { document: answer.document, atMs }).catch(() => {});
    refreshed(false);
  }

  function refreshed(fromShared: boolean): void {
    failures = 0;
    report?.({ result: "refreshed", keys: current?.keys.length ?? 0, shared: fromShared });
  }

  function failed(reason: string): void {
    failures += 1;
    report?.({ result: "failed", reason });
  }

  function mayFetch(nowMs: number): boolean {
    const pauseMs = current !== null
      ? options.cooldownMs
      : failures === 0
      ? 0
      : Math.min(options.cooldownMs, FIRST_PAUSE_MS * 2 ** (failures - 1));
    // A clock that was set back must not hold fetches up for hours.
    return nowMs - lastFetchMs >= pauseMs || nowMs < lastFetchMs;
  }

  /** The fetch under way, or a new one; `null`: too soon for one. */
  function fly(forced: boolean, waitUntil: WaitUntil): Promise<void> | null {
    const nowMs = clock();
    // On Workers a flight dies with the request that began it: then it never ends.
    if (flight !== null && nowMs - flight.beganMs < flightEndsMs && nowMs >= flight.beganMs) {
      return flight.done;
    }
    if (!mayFetch(nowMs)) return null;
    lastFetchMs = nowMs;
    const own = { done: refresh(forced).catch(() => failed("unexpected")), beganMs: nowMs };
    flight = own;
    void own.done.then(() => {
      if (flight === own) flight = null;
    });
    waitUntil(own.done);
    return own.done;
  }

  function usable(nowMs: number): Fetched | null {
    if (current === null) return null;
    const ageMs = nowMs - current.atMs;
    return ageMs <= options.staleIfErrorMs ? current : null;
  }

  function pick(question: KeyQuestion): KeyFinding {
    const set = usable(clock());
    if (set === null) return "unavailable";
    const fitting = set.keys.filter(({ kid, algorithms }) =>
      algorithms.has(question.alg) && (question.kid === null || kid === question.kid)
    );
    const [only] = fitting;
    return only !== undefined && fitting.length === 1 ? only : "unknown_key";
  }

  async function afterFlight(done: Promise<void>, question: KeyQuestion, waitMs: number) {
    await atMost(waitMs, done);
    return pick(question);
  }

  function isFresh(waitUntil: WaitUntil): boolean {
    const nowMs = clock();
    const set = usable(nowMs);
    if (set === null) return false;
    const ageMs = nowMs - set.atMs;
    if (ageMs >= 0 && ageMs < options.freshMs * RENEW_AT) return true;
    const isNearlyFresh = ageMs >= 0 && ageMs < options.freshMs;
    // An issuer that has just failed is asked again beside the requests, so that none waits for it.
    if (!isNearlyFresh && failures === 0) return false;
    fly(false, waitUntil);
    return true;
  }

  return {
    isFresh,
    find(question, waitUntil) {
      if (!isFresh(waitUntil)) {
        const waitMs = usable(clock()) === null ? flightEndsMs : options.waitMs;
        const done = fly(false, waitUntil);
        return done === null ? pick(question) : afterFlight(done, question, waitMs);
      }
      const found = pick(question);
      if (found !== "unknown_key") return found;
      const done = fly(true, waitUntil);
      return done === null ? found : afterFlight(done, question, options.waitMs);
    },
  };
}

async function atMost(waitMs: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}
