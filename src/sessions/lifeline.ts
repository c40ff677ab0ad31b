/**
 * Lifelines: a connection that outlives its request (a WebSocket, an event
 * stream) is held for only as long as the session behind it stands.
 *
 * @module
 */
import type { WaitUntil } from "../base/background.ts";
import { createAges } from "../base/clock.ts";
import type { Clock, MonotonicClock } from "../base/clock.ts";
import type { Revocable } from "./blacklist.ts";
import type { RevocationView } from "./revocation_view.ts";

/** What is still under way after this belongs to the session, whatever it is. */
export const TIED_AFTER_MS = 1_000;

/** Why a connection has to end. */
export type LifelineCut =
  | "expired"
  | "revoked"
  /** Nobody can say: the store has been out of reach for longer than the staleness bound. */
  | "unknown";

/** The token that a connection was opened with. */
export type LifelineToken = Revocable & { readonly expiresAtSeconds: number };

/**
 * Ties a connection to the session of a token. `cut` is called at most once;
 * call the returned function when the connection ended by itself.
 */
export type AttachLifeline = (
  token: LifelineToken,
  waitUntil: WaitUntil,
  cut: (why: LifelineCut) => void,
) => () => void;

/**
 * Prepares lifelines. `leewayMs` is how long a connection may outlive the `exp`
 * of the access token it was opened with. Every connection has a timer of its
 * own: on Workers no request may touch the connection of another.
 */
export function createLifelines(options: {
  readonly view: Pick<RevocationView, "ensureFresh" | "isRevoked" | "watch">;
  readonly clock: Clock;
  readonly monotonic?: MonotonicClock;
  readonly pollIntervalMs: number;
  readonly leewayMs: number;
}): AttachLifeline {
  const { view, clock, pollIntervalMs, leewayMs } = options;
  const ages = createAges(clock, options.monotonic);

  return function attach(token, waitUntil, cut) {
    const attachedAt = ages.now();
    const lifeMs = token.expiresAtSeconds * 1000 + leewayMs - attachedAt.wallMs;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let released = false;

    /** A clock that was set back tells no age; then the connection ends rather than never. */
    const leftMs = () => lifeMs - ages.sinceMs(attachedAt);

    function release(): void {
      released = true;
      clearTimeout(timer);
      unwatch();
    }

    function finish(why: LifelineCut): void {
      release();
      cut(why);
    }

    async function check(): Promise<void> {
      if (leftMs() <= 0) return finish("expired");
      const fresh = await view.ensureFresh(waitUntil);
      if (released) return;
      if (!fresh) return finish("unknown");
      if (view.isRevoked(token)) return finish("revoked");
      schedule();
    }

    function schedule(): void {
      timer = setTimeout(() => void check(), Math.min(pollIntervalMs, Math.max(0, leftMs())));
    }

    const unwatch = view.watch(() => {
      if (view.isRevoked(token)) finish("revoked");
    });
    // At once: it may have been revoked since the token was looked at.
    timer = setTimeout(() => void check(), 0);
    return release;
  };
}
