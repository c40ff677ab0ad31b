/**
 * Sign-in: throttle, ask the identity source, open the session.
 *
 * @module
 */
import ipaddr from "ipaddr.js";
import type { ClientDevice } from "../base/presenter.ts";
import type { Credentials, IdentitySource } from "../identity/port.ts";
import type { Sessions, SignedIn } from "../sessions/sessions.ts";
import type { SessionStore } from "../store/port.ts";
import type { ThrottleOptions } from "./options.ts";

/** What became of a sign-in. */
export type SignInOutcome =
  | { readonly kind: "signed_in"; readonly signedIn: SignedIn }
  | { readonly kind: "rejected" }
  | { readonly kind: "throttled"; readonly retryAfterSeconds: number }
  | { readonly kind: "unavailable"; readonly reason: string };

/** Signs somebody in. May throw `StoreUnavailableError`. */
export type SignIn = (
  credentials: Credentials,
  device: ClientDevice,
  context: { readonly requestId: string; readonly signal: AbortSignal },
) => Promise<SignInOutcome>;

/** How long an attempt holds its place when nobody says how it ended. */
const HOLD_MS = 30_000;

/** Prepares sign-in. `counterKey` makes user names unreadable in the store. */
export function createSignIn(options: {
  readonly store: Pick<SessionStore, "reserveAttempt" | "settleAttempt">;
  readonly sessions: Pick<Sessions, "open">;
  readonly identity: IdentitySource;
  /** Names of the other sources, whose subjects are `name|…`: none of them may be claimed here. */
  readonly otherSources?: readonly string[];
  readonly throttle: ThrottleOptions;
  readonly counterKey: CryptoKey;
}): SignIn {
  const { store, sessions, identity, throttle, counterKey, otherSources = [] } = options;
  const encoder = new TextEncoder();

  /** What people type as a user name is sometimes their password: only its HMAC is stored. */
  async function counterName(kind: "user" | "address", value: string): Promise<string> {
    const mac = await crypto.subtle.sign("HMAC", counterKey, encoder.encode(`${kind}\n${value}`));
    return `${kind}:${new Uint8Array(mac).slice(0, 16).toHex()}`;
  }

  return async function signIn(credentials, device, context) {
    const counters = [
      {
        // Spellings that an identity source may take for the same name share a counter.
        key: await counterName("user", credentials.username.normalize("NFKC").trim().toLowerCase()),
        limit: throttle.perUser,
      },
      {
        key: await counterName("address", addressBlock(device.ip)),
        limit: throttle.perAddress,
      },
    ];
    const attempt = { id: crypto.randomUUID(), counters, windowMs: throttle.windowMs };
    // A place is taken before the attempt: parallel guesses find no gap.
    const place = await store.reserveAttempt({ ...attempt, holdMs: HOLD_MS });
    if (!place.allowed) {
      return { kind: "throttled", retryAfterSeconds: Math.ceil(place.retryAfterMs / 1000) };
    }
    const outcome = await identity.authenticate(credentials, context);
    switch (outcome.kind) {
      case "rejected":
        await store.settleAttempt({ ...attempt, result: "failed" });
        return outcome;
      case "accepted": {
        await store.settleAttempt({ ...attempt, result: "succeeded" });
        const { subject, claims } = outcome;
        if (otherSources.some((source) => subject.startsWith(`${source}|`))) {
          return { kind: "unavailable", reason: "the subject is written like another source's" };
        }
        return {
          kind: "signed_in",
          signedIn: await sessions.open({ subject, claims }, { device }),
        };
      }
      case "throttled":
      case "unavailable":
        // Nobody can say whether it was a guess: its place comes free by itself.
        await store.settleAttempt({ ...attempt, result: "unknown" });
        return outcome;
    }
  };
}

/**
 * What counts as one client address: an IPv4 address, or the /64 that an IPv6
 * host can pick its addresses from.
 */
export function addressBlock(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString();
}
