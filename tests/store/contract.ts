/**
 * The contract of the session store port: every adapter passes this suite.
 *
 * @module
 */
import type { SessionStore } from "../../src/store/port.ts";
import { attemptsContract } from "./contract/attempts.ts";
import { feedContract } from "./contract/feed.ts";
import { groupsContract } from "./contract/groups.ts";
import { lifeContract } from "./contract/life.ts";
import { listingContract } from "./contract/listing.ts";
import { revocationContract } from "./contract/revocation.ts";
import { rotationContract } from "./contract/rotation.ts";
import { sessionsContract } from "./contract/sessions.ts";
import { timeContract } from "./contract/time.ts";
import type { TestClock } from "../support/clock.ts";

/** A fresh, empty store and the time it lives in. */
export interface StoreHarness {
  readonly store: SessionStore;
  /** Another instance of the adapter on the same data, as a second gateway has it. */
  another(): SessionStore;
  readonly clock: TestClock;
  /** Lets time pass, for the adapters and for what the store lets expire by itself. */
  advance(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

/** Makes a {@link StoreHarness}. */
export type CreateHarness = () => Promise<StoreHarness>;

/** Registers one test, which is given a store of its own. */
export type RegisterTest = (
  behaviour: string,
  body: (harness: StoreHarness) => Promise<void>,
) => void;

/** Registers the suite for one adapter. */
export function describeStore(name: string, create: CreateHarness): void {
  const test: RegisterTest = (behaviour, body) => {
    Deno.test(`${name}: ${behaviour}`, async () => {
      const harness = await create();
      try {
        await body(harness);
      } finally {
        await harness.dispose();
      }
    });
  };
  sessionsContract(test);
  rotationContract(test);
  revocationContract(test);
  groupsContract(test);
  timeContract(test);
  feedContract(test, create);
  listingContract(test);
  attemptsContract(test);
  lifeContract(test);
}
