/**
 * The revocation feed in memory.
 *
 * @module
 */
import {
  encodeCursor,
  FEED_NEVER_WRITTEN,
  FEED_PAGE_SIZE,
  FEED_TRIM_MARGIN_MS,
  type FeedPlace,
  feedStart,
  randomFeedName,
} from "../feed.ts";
import type { Revocation, RevocationPage } from "../port.ts";

/** The feed's part of the memory store. */
export interface MemoryFeed {
  announce(revocation: Revocation): void;
  since(cursor: string | null): RevocationPage;
  sweep(nowMs: number): void;
  clear(): void;
}

interface Entry {
  readonly seq: number;
  readonly id: string;
  readonly revocation: Revocation;
}

/** Creates an empty one. */
export function createMemoryFeed(): MemoryFeed {
  let entries: Entry[] = [];
  let head: FeedPlace = FEED_NEVER_WRITTEN;

  return {
    announce(revocation) {
      const epoch = head.epoch || randomFeedName();
      head = { epoch, seq: head.seq + 1, id: randomFeedName() };
      entries.push({ seq: head.seq, id: head.id, revocation });
    },

    since(cursor) {
      const firstSeq = entries[0]?.seq ?? head.seq + 1;
      const at = (seq: number) => entries[seq - firstSeq];
      const { afterSeq, reset } = feedStart(cursor, head, (seq) => at(seq)?.id ?? null);
      const from = Math.max(0, afterSeq + 1 - firstSeq);
      const page = entries.slice(from, from + FEED_PAGE_SIZE);
      const more = from + page.length < entries.length;
      const last = more ? page.at(-1) : undefined;
      return {
        entries: page.map(({ revocation }) => revocation),
        cursor: encodeCursor(last === undefined ? head : { ...last, epoch: head.epoch }),
        reset,
        more,
      };
    },

    sweep(nowMs) {
      const firstLiving = entries.findIndex(({ revocation }) =>
        revocation.untilMs + FEED_TRIM_MARGIN_MS > nowMs
      );
      entries = firstLiving === -1 ? [] : entries.slice(firstLiving);
    },

    clear() {
      entries = [];
    },
  };
}
