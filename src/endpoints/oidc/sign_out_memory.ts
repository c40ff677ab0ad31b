/**
 * What the browser remembers of its sign-in, for the sign-out at the provider.
 *
 * @module
 */
import { trimOws } from "../../base/ows.ts";
import type { Clock } from "../../base/clock.ts";
import type { JsonValue } from "../../base/json.ts";
import { createSeal } from "../../tokens/seal.ts";

/** What a sign-out at the provider needs: kept by the browser, sealed, and never by the store. */
export interface Remembered {
  readonly provider: string;
  readonly sid: string;
  /** `id_token_hint`; `null` where it was too long to be kept. */
  readonly idToken: string | null;
}

/** Remembers at the sign-in what the sign-out needs. */
export interface SignOutMemory {
  /** `Set-Cookie` for a new session. */
  remember(
    session: Remembered & { readonly untilSeconds: number },
  ): Promise<string>;
  /** What is remembered of a session. A sibling host can plant a cookie of this name beside it. */
  recall(cookieHeader: string | null, sid: string): Promise<Remembered | null>;
  /** Whether anything of this name is there to be ended. */
  isThere(cookieHeader: string | null): boolean;
  /** `Set-Cookie` that ends it. */
  forget(): string;
  /** A state to come back with from the provider. */
  leave(): Promise<string>;
  /** Whether such a state is ours and young. */
  hasLeft(state: string): Promise<boolean>;
}

/** Browsers refuse a longer cookie; a sealed token grows by a third. */
const MAX_ID_TOKEN_LENGTH = 2_600;
/** One request makes us open no more than so many. */
const MAX_LOOKED_AT = 10;
/** How long somebody may look at the provider's sign-out page. */
const RETURN_SECONDS = 3_600;

/** Prepares the memory. Its cookie is sent to Postern's own paths only. */
export function createSignOutMemory(
  { hmacKeys, secure, prefix, clock }: {
    readonly hmacKeys: readonly CryptoKey[];
    readonly secure: boolean;
    readonly prefix: string;
    readonly clock: Clock;
  },
): SignOutMemory {
  const hints = createSeal(hmacKeys, "oidc sign-out hint");
  const states = createSeal(hmacKeys, "oidc sign-out state");
  const name = `${secure ? "__Secure-" : ""}postern-provider`;
  const attributes = `; Path=${prefix}; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;

  return {
    async remember({ provider, sid, idToken, untilSeconds }) {
      const kept = idToken !== null && idToken.length <= MAX_ID_TOKEN_LENGTH ? idToken : null;
      const value = await hints.seal({ provider, sid, idToken: kept });
      const maxAge = Math.max(0, Math.floor(untilSeconds - clock() / 1000));
      return `${name}=${value}; Max-Age=${maxAge}${attributes}`;
    },

    async recall(cookieHeader, sid) {
      for (const value of valuesOf(cookieHeader, name).slice(0, MAX_LOOKED_AT)) {
        const document = await hints.open(value);
        if (!isRecord(document) || document["sid"] !== sid) continue;
        const { provider, idToken } = document;
        if (typeof provider !== "string") continue;
        return { provider, sid, idToken: typeof idToken === "string" ? idToken : null };
      }
      return null;
    },

    isThere: (cookieHeader) => valuesOf(cookieHeader, name).length > 0,

    forget: () => `${name}=; Max-Age=0${attributes}`,

    leave: () => states.seal({ at: Math.floor(clock() / 1000) }),

    async hasLeft(state) {
      const document = await states.open(state);
      return isRecord(document) &&
        Math.abs(clock() / 1000 - Number(document["at"])) <= RETURN_SECONDS;
    },
  };
}

function valuesOf(header: string | null, name: string): string[] {
  if (header === null || !header.includes(name)) return [];
  return header.split(";").flatMap((part) => {
    const equals = part.indexOf("=");
    const isOurs = trimOws(part.slice(0, Math.max(equals, 0))) === name;
    return isOurs ? [trimOws(part.slice(equals + 1))] : [];
  });
}

function isRecord(value: JsonValue | null): value is { readonly [name: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
