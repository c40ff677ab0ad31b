/** A clock that tests move. */
export interface TestClock {
  (): number;
  /** Lets time pass. */
  advance(ms: number): void;
}

/** Starts at the machine's time. */
export function createTestClock(): TestClock {
  let offset = 0;
  return Object.assign(() => Date.now() + offset, {
    advance(ms: number) {
      offset += ms;
    },
  });
}
