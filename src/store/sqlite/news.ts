/**
 * News among the processes that share one SQLite file.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { setInterval } from "node:timers";
import { integer } from "./row.ts";

/** How often it is looked: half of it is what news take on average. */
const LOOK_EVERY_MS = 25;

/**
 * Calls back when the feed has grown by another process' hand. `data_version`
 * changes with every commit of others and costs a few microseconds to ask; only
 * then is the feed itself looked at. The timer keeps no process alive.
 */
export function listenToFile(database: DatabaseSync, onNews: () => void): () => void {
  const version = database.prepare("PRAGMA data_version");
  const head = database.prepare("SELECT seq FROM feed_head");
  let seenVersion = -1;
  let seenSeq = 0;

  function look(): void {
    try {
      if (!database.isOpen) return;
      const nowVersion = integer(version.get() ?? {}, "data_version");
      if (nowVersion === seenVersion) return;
      seenVersion = nowVersion;
      const row = head.get();
      const nowSeq = row === undefined ? 0 : integer(row, "seq");
      if (nowSeq === seenSeq) return;
      seenSeq = nowSeq;
    } catch {
      // A file that can not be read is told by those who ask it something.
      return;
    }
    onNews();
  }

  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return () => timer.close();
}
