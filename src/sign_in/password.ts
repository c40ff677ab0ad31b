/**
 * Sign-in with a password: throttle, ask the identity source, open the session.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Presenter } from "../base/presenter.ts";
import type { KeyBinding } from "../base/session.ts";
import type { Credentials, IdentityOutcome, IdentitySource } from "../identity/port.ts";
import type { OpenedOutcome, Sessions, SignedIn } from "../sessions/sessions.ts";
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

/** So often is somebody asked about who is revoked meanwhile. */
const MAX_PROOFS = 3;

type Proved =
  | Exclude<IdentityOutcome, { kind: "accepted" }>
  | Extract<
    OpenedOutcome,
    { kind: "opened" }
  >;

/** Prepares sign-in. */
export function createPasswordSignIn(parts: {
  readonly throttle: Throttle;
  readonly devices: DeviceCookies;
  readonly sessions: Pick<Sessions, "open">;
  readonly identity: IdentitySource;
  readonly clock: Clock;
  /** Names of the other sources, whose subjects are `name|…`: none of them may be claimed here. */
  readonly otherSources?: readonly string[];
}): SignIn {
  const { throttle, devices, sessions, identity, clock, otherSources = [] } = parts;
  const isOfOthers = createIsOfOthers(otherSources);

  /**
   * From the question to the session. Who is revoked in between, because they have just
   * been locked out, say, is asked about again: the first answer is from before.
   */
  async function prove(credentials: Credentials, presenter: Presenter): Promise<Proved> {
    let sinceMs = clock();
    for (let tries = 0; tries < MAX_PROOFS; tries++) {
      const outcome = await identity.authenticate(credentials, presenter);
      if (outcome.kind !== "accepted") return outcome;
      const { subject, claims } = outcome;
      if (isOfOthers(subject)) {
        return { kind: "unavailable", reason: "the subject is written like another source's" };
      }
      const opened = await sessions.open(
        { subject, claims, bound: boundBy(presenter), sinceMs },
        { device: presenter.device },
      );
      if (opened.kind === "opened") return opened;
      // Also where another instance's clock is ahead of ours.
      sinceMs = Math.max(clock(), opened.notAfterMs + 1);
    }
    return { kind: "unavailable", reason: "the subject is being revoked all the time" };
  }

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
    const outcome = await prove(credentials, presenter);
    switch (outcome.kind) {
      case "rejected":
        await turn.settle("failed");
        return { kind: "rejected", name: await named() };
      case "opened": {
        await turn.settle("succeeded");
        const { signedIn } = outcome;
        return {
          kind: "signed_in",
          signedIn,
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
