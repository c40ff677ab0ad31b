/**
 * A SQLite store in a folder of its own.
 *
 * @module
 */
import { join } from "node:path";
import type { SessionStore } from "../../src/store/port.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { createTestClock } from "../support/clock.ts";
import type { StoreHarness } from "./contract.ts";

/** A {@link StoreHarness} that also tells where its file is. */
export interface SqliteHarness extends StoreHarness {
  readonly path: string;
}

/** Opens an empty store; `dispose` removes the folder. */
export async function createSqliteHarness(): Promise<SqliteHarness> {
  const folder = await Deno.makeTempDir({ prefix: "postern-sqlite-" });
  const path = join(folder, "state", "postern.db");
  const clock = createTestClock();
  const opened: SessionStore[] = [];
  const another = () => {
    const store = openSqliteStore({ path, clock });
    opened.push(store);
    return store;
  };
  return {
    path,
    store: another(),
    another,
    clock,
    advance: (ms) => Promise.resolve(clock.advance(ms)),
    async dispose() {
      for (const store of opened) await store.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
