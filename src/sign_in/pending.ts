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

/** Flows that one browser may have under way; ten tabs at once need no more than these. */
const MAX_FLOWS = 6;
/** All of them together; proxies in front of us often take 8 KiB of headers. */
const MAX_BYTES = 4_096;
const LIFETIME_SECONDS = 600;
/** A longer one would not come back from every provider, and is kept in the cookie only. */
const MAX_RETURN_TO_IN_STATE = 512;
/** One answer does not set more cookies than this, however many somebody has planted. */
const MAX_CLEARED = 20;

/** Bare name of a flow's cookie: when it began, in seconds, and a piece of its state's hash. */
const NAME = /^postern-flow-(\d{10})-([A-Za-z0-9_-]{16})$/;

interface Kept {
  readonly name: string;
  readonly value: string;
  readonly beganSeconds: number;
  readonly tag: string;
}

/** Prepares flows. `secure` decides about the `__Host-` prefix, as with the other cookies. */
export function createFlows(
  { hmacKeys, secure, clock }: {
    readonly hmacKeys: readonly CryptoKey[];
    readonly secure: boolean;
    readonly clock: Clock;
  },
): Flows {
  const states = createSeal(hmacKeys, "oidc state");
  const cookies = createSeal(hmacKeys, "oidc flow");
  const prefix = secure ? "__Host-" : "";
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;

  function keptIn(header: string | null): Kept[] {
    if (header === null || !header.includes("postern-flow-")) return [];
    const found: Kept[] = [];
    for (const part of header.split(";")) {
      const equals = part.indexOf("=");
      const name = part.slice(0, Math.max(equals, 0)).trim();
      if (!name.startsWith(prefix)) continue;
      const [, began, tag] = NAME.exec(name.slice(prefix.length)) ?? [];
      if (began === undefined || tag === undefined) continue;
      const value = part.slice(equals + 1).trim();
      found.push({ name, value, beganSeconds: Number(began), tag });
    }
    return found;
  }

  function clear({ name }: Pick<Kept, "name">): string {
    return `${name}=; Max-Age=0${attributes}`;
  }

  /** Those that have to go so that a new one fits; the oldest first. */
  function tooMany(kept: readonly Kept[], newBytes: number, nowSeconds: number): Kept[] {
    const byAge = [...kept].sort((a, b) => b.beganSeconds - a.beganSeconds);
    let bytes = newBytes;
    let count = 1;
    return byAge.filter(({ name, value, beganSeconds }) => {
      bytes += name.length + value.length;
      count += 1;
      const isOver = Math.abs(nowSeconds - beganSeconds) > LIFETIME_SECONDS;
      return isOver || count > MAX_FLOWS || bytes > MAX_BYTES;
    });
  }

  return {
    async begin(wish, cookieHeader) {
      const nowSeconds = Math.floor(clock() / 1000);
      const flow: Flow = { ...wish, nonce: random(), codeVerifier: random() };
      const state = await states.seal(toState(wish, nowSeconds));
      const hash = await hashOf(state);
      const value = await cookies.seal({ ...toCookie(flow), hash, began: nowSeconds });
      const name = `${prefix}postern-flow-${String(nowSeconds).padStart(10, "0")}-${
        hash.slice(0, 16)
      }`;
      const cleared = tooMany(keptIn(cookieHeader), name.length + value.length, nowSeconds)
        .slice(0, MAX_CLEARED);
      return {
        flow,
        state,
        setCookies: [
          ...cleared.map(clear),
          `${name}=${value}; Max-Age=${LIFETIME_SECONDS}${attributes}`,
        ],
      };
    },

    async recall(state, provider, cookieHeader) {
      const wish = fromState(await states.open(state));
      // A state of another provider's flow: mix-up (RFC 9700 section 4.4).
      if (wish === null || wish.provider !== provider) return { kind: "foreign" };
      const hash = await hashOf(state);
      const nowSeconds = clock() / 1000;
      const own = keptIn(cookieHeader).filter(({ tag }) => tag === hash.slice(0, 16));
      const setCookies = own.slice(0, MAX_CLEARED).map(clear);
      for (const { value } of own.slice(0, MAX_FLOWS)) {
        const document = await cookies.open(value);
        const flow = fromCookie(document);
        if (flow === null || !isRecord(document) || document["hash"] !== hash) continue;
        const isTimely = Math.abs(nowSeconds - Number(document["began"])) <= LIFETIME_SECONDS;
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
    m: wish.maxAgeSeconds,
    a: wish.acrValues.join(" ").slice(0, 200),
    // Its own initialisation vector makes each one another; this makes them unguessable too.
    x: random(),
    t: nowSeconds,
  };
}

function fromState(value: JsonValue | null): FlowWish | null {
  if (!isRecord(value)) return null;
  const { p, r, n, m, a } = value;
  if (typeof p !== "string" || typeof r !== "string" || typeof n !== "number") return null;
  return {
    provider: p,
    returnTo: r,
    restarts: n,
    maxAgeSeconds: typeof m === "number" ? m : null,
    acrValues: typeof a === "string" && a !== "" ? a.split(" ") : [],
  };
}

function toCookie(flow: Flow): Record<string, JsonValue> {
  return { ...flow, acrValues: flow.acrValues };
}

function fromCookie(value: JsonValue | null): Flow | null {
  if (!isRecord(value)) return null;
  const { provider, returnTo, nonce, codeVerifier, maxAgeSeconds, acrValues, restarts } = value;
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
