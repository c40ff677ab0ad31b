/**
 * Sign-in with a password: throttle, ask the identity source, open the session.
 *
 * @module
 */
import type { Presenter } from "../base/presenter.ts";
import type { KeyBinding } from "../base/session.ts";
import type { Credentials, IdentitySource } from "../identity/port.ts";
import type { Sessions, SignedIn } from "../sessions/sessions.ts";
import { createIsOfOthers } from "../tokens/claim_map.ts";
import type { DeviceCookies } from "./device.ts";
import { holdsControl, MAX_NAME_LENGTH } from "./name.ts";
import type { Throttle } from "./throttle.ts";

/** What became of a sign-in. `name` is a keyed hash of the name, for the log. */
export type SignInOutcome =
  | {
    readonly kind: "signed_in";
    readonly signedIn: SignedIn;
    /** The device cookie of a browser, from now on. */
    rememberDevice(): Promise<string>;
  }
  | { readonly kind: "rejected"; readonly name: string }
  | { readonly kind: "throttled"; readonly retryAfterSeconds: number; readonly name: string | null }
  /** The client went away after the question was asked; it counts as a failure. */
  | { readonly kind: "abandoned"; readonly name: string }
  | { readonly kind: "unavailable"; readonly reason: string };

/** Signs somebody in. May throw `StoreUnavailableError`. */
export type SignIn = (
  credentials: Credentials,
  presenter: Presenter,
  /** What a browser sent; `null` from anybody else. */
  deviceCookie: string | null,
) => Promise<SignInOutcome>;

/** Prepares sign-in. */
export function createPasswordSignIn(parts: {
  readonly throttle: Throttle;
  readonly devices: DeviceCookies;
  readonly sessions: Pick<Sessions, "open">;
  readonly identity: IdentitySource;
  /** Names of the other sources, whose subjects are `name|…`: none of them may be claimed here. */
  readonly otherSources?: readonly string[];
}): SignIn {
  const { throttle, devices, sessions, identity, otherSources = [] } = parts;
  const isOfOthers = createIsOfOthers(otherSources);

  return async function signIn(credentials, presenter, deviceCookie) {
    const { username } = credentials;
    const named = () => throttle.hashName(username);
    // Nobody is called like this, and what reads it as a C string would read another name.
    if (username.length > MAX_NAME_LENGTH || holdsControl(username)) {
      return { kind: "rejected", name: await named() };
    }
    const turn = await throttle.take({
      name: username,
      address: presenter.device.ip,
      device: await devices.read(deviceCookie, username),
    });
    if (turn.kind === "throttled") return { ...turn, name: await named() };
    const outcome = await identity.authenticate(credentials, presenter);
    switch (outcome.kind) {
      case "rejected":
        await turn.settle("failed");
        return { kind: "rejected", name: await named() };
      case "accepted": {
        await turn.settle("succeeded");
        const { subject, claims } = outcome;
        if (isOfOthers(subject)) {
          return { kind: "unavailable", reason: "the subject is written like another source's" };
        }
        return {
          kind: "signed_in",
          signedIn: await sessions.open(
            { subject, claims, bound: boundBy(presenter) },
            { device: presenter.device },
          ),
          rememberDevice: () => devices.remember(deviceCookie, username),
        };
      }
      case "throttled":
        await turn.settle("unknown");
        return { ...outcome, name: null };
      case "unavailable":
        if (presenter.signal.aborted) {
          // The question was asked, and whoever hangs up before the answer may be guessing.
          await turn.settle("failed");
          return { kind: "abandoned", name: await named() };
        }
        await turn.settle("unknown");
        return outcome;
    }
  };
}

/** Who proves a key at sign-in has to prove it from then on (RFC 9449 §5). */
function boundBy({ provenJkt }: Presenter): KeyBinding | null {
  return provenJkt === undefined ? null : { jkt: provenJkt, by: "dpop" };
}
