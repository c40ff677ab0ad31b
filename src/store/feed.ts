/**
 * The revocation feed's cursor, and where a reader with a given cursor goes on.
 * `lua/revocations_since.lua` states the same rule for Redis.
 *
 * @module
 */

import { CLOCK_SLACK_MS } from "./rules.ts";

/** Entries in one page of the feed. */
export const FEED_PAGE_SIZE = 5_000;

/** Entries stay this much longer than they live; see {@link CLOCK_SLACK_MS}. */
export const FEED_TRIM_MARGIN_MS = CLOCK_SLACK_MS;

/** Expired entries that one write cuts off the head of the feed at most. */
export const FEED_TRIM_LIMIT = 64;

/** A place in the feed: just behind the entry with this number. */
export interface FeedPlace {
  /** Random name of this feed, given with its first entry; empty: never written. */
  readonly epoch: string;
  /** Number of the entry; 0 before the first. */
  readonly seq: number;
  /** Random name of the entry: tells it from another with the same number, after a restore. */
  readonly id: string;
}

/** The place in a feed that was never written. */
export const FEED_NEVER_WRITTEN: FeedPlace = { epoch: "", seq: 0, id: "" };

const CURSOR = /^([0-9a-f]*)\.(\d{1,15})\.([0-9a-f]*)$/;

/** Makes the opaque cursor of a place. */
export function encodeCursor({ epoch, seq, id }: FeedPlace): string {
  return `${epoch}.${seq}.${id}`;
}

/** Reads a cursor; `null` when no adapter of ours wrote it. */
export function decodeCursor(cursor: string): FeedPlace | null {
  const [, epoch, seq, id] = CURSOR.exec(cursor) ?? [];
  if (epoch === undefined || seq === undefined || id === undefined) return null;
  return { epoch, seq: Number(seq), id };
}

/** A random name for an epoch or an entry. */
export function randomFeedName(): string {
  return crypto.getRandomValues(new Uint8Array(8)).toHex();
}

/** Where a reader goes on. */
export interface FeedStart {
  /** Deliver the entries behind this number. */
  readonly afterSeq: number;
  /** The cursor was not recognised. */
  readonly reset: boolean;
}

/**
 * Decides where the reader goes on. `head` is the place of the newest entry;
 * `idAt` names an entry that is still kept, `null` when it is not: then it was
 * cut off because it had expired, and everything before it had, too.
 */
export function feedStart(
  cursor: string | null,
  head: FeedPlace,
  idAt: (seq: number) => string | null,
): FeedStart {
  if (cursor === null) return { afterSeq: 0, reset: false };
  const place = decodeCursor(cursor);
  if (place === null) return { afterSeq: 0, reset: true };
  if (place.epoch === "") return { afterSeq: 0, reset: false };
  if (place.epoch !== head.epoch || place.seq > head.seq) return { afterSeq: 0, reset: true };
  const id = place.seq === head.seq ? head.id : idAt(place.seq);
  if (id !== null && id !== place.id) return { afterSeq: 0, reset: true };
  return { afterSeq: place.seq, reset: false };
}
