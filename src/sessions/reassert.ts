/**
 * A store that has forgotten (flushed, restored from a snapshot, failed over to
 * a replica that lagged) is told again what this instance still knows to be
 * revoked: otherwise an older record would let its session back in.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Revocation, SessionStore } from "../store/port.ts";

/** Tells the store again; never throws. What could not be told is kept for the next call. */
export type Reassert = (known: readonly Revocation[]) => Promise<void>;

/** Asks under way at once. */
const AT_ONCE = 16;

/** Prepares {@link Reassert}. */
export function createReassert(
  store: Pick<SessionStore, "revokeSession" | "revokeToken" | "revokeGroup">,
  clock: Clock,
): Reassert {
  let left: Revocation[] = [];
  let underWay = false;

  async function tell(revocation: Revocation): Promise<void> {
    const denyForMs = revocation.untilMs - clock();
    if (denyForMs <= 0) return;
    switch (revocation.kind) {
      case "session":
        await store.revokeSession({ sid: revocation.sid, denyForMs, mustExist: false });
        return;
      case "token":
        await store.revokeToken(revocation);
        return;
      case "group": {
        const { group, notAfterMs } = revocation;
        await store.revokeGroup({ group, notAfterMs, denyForMs, rememberForMs: denyForMs });
        return;
      }
      default:
        revocation satisfies never;
    }
  }

  async function work(): Promise<void> {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      try {
        await tell(next);
      } catch {
        // Away again: when it is back, it is read again, and this goes on.
        left.push(next);
        return;
      }
    }
  }

  return async function reassert(known) {
    left = left.concat(known);
    if (underWay) return;
    underWay = true;
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    underWay = false;
  };
}
