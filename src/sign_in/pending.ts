/**
 * A sign-in that is under way at a provider. Its secrets stay in the browser that
 * began it, in one sealed cookie for each flow, so that tabs do not disturb one
 * another, no replica and no restart can lose one, and an anonymous visitor costs
 * no store command.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import { createSeal } from "../tokens/seal.ts";
import { createFlowCookies, FLOW_SECONDS } from "./flow_cookies.ts";

/** What a flow needs to remember until its callback. */
export interface Flow {
  readonly provider: string;
  /** Same-origin path to go on to, already validated. */
  readonly returnTo: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly maxAgeSeconds: number | null;
  readonly acrValues: readonly string[];
  /** How often this sign-in has begun again by itself. */
  readonly restarts: number;
  /**
   * What was revoked up to then (epoch milliseconds, perhaps by a clock ahead of ours) is
   * known, and this sign-in has begun after it; 0: nothing of the kind.
   */
  readonly afterMs: number;
}

/** What somebody wants to begin. */
export type FlowWish = Omit<Flow, "nonce" | "codeVerifier">;

/** A flow that has begun. */
export interface Begun {
  readonly flow: Flow;
  /** Goes to the provider and comes back. */
  readonly state: string;
  /** `Set-Cookie` values: the flow's own, and the end of those that are too many. */
  readonly setCookies: readonly string[];
}

/** What a callback's `state` is about. */
export type Recalled =
  /** Begun in this very browser, not long ago. */
  | { readonly kind: "pending"; readonly flow: Flow; readonly setCookies: readonly string[] }
  /**
   * One of ours, but not to be gone on with: begun in another browser, too long
   * ago, or gone through already. Nothing of it is secret, so it can begin again.
   */
  | { readonly kind: "stale"; readonly wish: FlowWish; readonly setCookies: readonly string[] }
  /** Nothing that we ever made. */
  | { readonly kind: "foreign" };

/** Begins flows, and recalls them. */
export interface Flows {
  begin(wish: FlowWish, cookieHeader: string | null): Promise<Begun>;
  recall(state: string, provider: string, cookieHeader: string | null): Promise<Recalled>;
}

/** A longer one would not come back from every provider, and is kept in the cookie only. */
const MAX_RETURN_TO_IN_STATE = 512;
/** Prepares flows. `secure` decides about the `__Host-` prefix, as with the other cookies. */
export function createFlows(
  { hmacKeys, secure, clock }: {
    readonly hmacKeys: readonly CryptoKey[];
    readonly secure: boolean;
    readonly clock: Clock;
  },
): Flows {
  const states = createSeal(hmacKeys, "oidc state");
  const flows = createSeal(hmacKeys, "oidc flow");
  const cookies = createFlowCookies({ secure });

  return {
    async begin(wish, cookieHeader) {
      const nowSeconds = Math.floor(clock() / 1000);
      const flow: Flow = { ...wish, nonce: random(), codeVerifier: random() };
      const state = await states.seal(toState(wish, nowSeconds));
      const hash = await hashOf(state);
      const value = await flows.seal({ ...toCookie(flow), hash, began: nowSeconds });
      return { flow, state, setCookies: cookies.add(value, { hash, nowSeconds }, cookieHeader) };
    },

    async recall(state, provider, cookieHeader) {
      const wish = fromState(await states.open(state));
      // A state of another provider's flow: mix-up (RFC 9700 section 4.4).
      if (wish === null || wish.provider !== provider) return { kind: "foreign" };
      const hash = await hashOf(state);
      const { values, setCookies } = cookies.find(hash, cookieHeader);
      for (const value of values) {
        const document = await flows.open(value);
        const flow = fromCookie(document);
        if (flow === null || !isRecord(document) || document["hash"] !== hash) continue;
        const isTimely = Math.abs(clock() / 1000 - Number(document["began"])) <= FLOW_SECONDS;
        return isTimely
          ? { kind: "pending", flow, setCookies }
          : { kind: "stale", wish: flow, setCookies };
      }
      return { kind: "stale", wish, setCookies };
    },
  };
}

function toState(wish: FlowWish, nowSeconds: number): JsonValue {
  return {
    p: wish.provider,
    r: wish.returnTo.length > MAX_RETURN_TO_IN_STATE ? "/" : wish.returnTo,
    n: wish.restarts,
    b: wish.afterMs,
    m: wish.maxAgeSeconds,
    a: wish.acrValues.join(" ").slice(0, 200),
    // Its own initialisation vector makes each one another; this makes them unguessable too.
    x: random(),
    t: nowSeconds,
  };
}

function fromState(value: JsonValue | null): FlowWish | null {
  if (!isRecord(value)) return null;
  const { p, r, n, b, m, a } = value;
  if (typeof p !== "string" || typeof r !== "string" || typeof n !== "number") return null;
  return {
    provider: p,
    returnTo: r,
    restarts: n,
    afterMs: typeof b === "number" ? b : 0,
    maxAgeSeconds: typeof m === "number" ? m : null,
    acrValues: typeof a === "string" && a !== "" ? a.split(" ") : [],
  };
}

function toCookie(flow: Flow): Record<string, JsonValue> {
  return { ...flow, acrValues: flow.acrValues };
}

function fromCookie(value: JsonValue | null): Flow | null {
  if (!isRecord(value)) return null;
  const { provider, returnTo, nonce, codeVerifier, maxAgeSeconds, acrValues, restarts, afterMs } =
    value;
  if (
    typeof provider !== "string" || typeof returnTo !== "string" || typeof nonce !== "string" ||
    typeof codeVerifier !== "string" || typeof restarts !== "number" || !Array.isArray(acrValues)
  ) return null;
  return {
    provider,
    returnTo,
    nonce,
    codeVerifier,
    restarts,
    afterMs: typeof afterMs === "number" ? afterMs : 0,
    maxAgeSeconds: typeof maxAgeSeconds === "number" ? maxAgeSeconds : null,
    acrValues: acrValues.map(String),
  };
}

function isRecord(value: JsonValue | null): value is { readonly [name: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** 256 bits, in the characters that PKCE allows (RFC 7636 section 4.1). */
function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return base64url(new Uint8Array(digest));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
