/**
 * The world of the linearizability run, and how its clients ask in it.
 *
 * @module
 */
import type { Amnesia, Happening } from "../history.ts";
import type { Random } from "./random.ts";

/** A token pair as the token transport gives it. */
export interface Pair {
  readonly access: string;
  readonly refresh: string;
}

/** What clients live in. */
export interface World {
  readonly random: Random;
  /** Ports of the gateways. */
  readonly ports: readonly number[];
  readonly graceMs: number;
  readonly history: Happening[];
  /** Sessions whose clients did nothing wrong. */
  readonly honest: Set<string>;
  readonly amnesias: readonly Amnesia[];
  readonly counts: {
    sessions: number;
    thefts: number;
    bound: number;
    signOuts: number;
    ghosts: number;
  };
  going(): boolean;
}

/** A claim of a token that is not verified. */
export function claim(token: string, name: "sid" | "jti"): string {
  const [, payload = ""] = token.split(".");
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")))[name];
}

/** Asks one of the gateways; `null`: no answer came. */
export type Ask = (path: string, init: RequestInit) => Promise<Response | null>;

/** Prepares {@link Ask}. */
export function createAsk({ random, ports }: Pick<World, "random" | "ports">): Ask {
  return async function ask(path, init) {
    try {
      // localhost may be ::1 first, which costs a failed connection each time.
      const response = await fetch(`http://127.0.0.1:${random.oneOf(ports)}${path}`, init);
      // Not one of ours: another test on this machine took the port of a gateway that was killed.
      if (response.status === 421) {
        await response.body?.cancel();
        return null;
      }
      // The answer counts when it is read: a gateway can die in the middle of it.
      return new Response(await response.arrayBuffer(), response);
    } catch {
      return null;
    }
  };
}
