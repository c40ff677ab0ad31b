/**
 * What scripts that revoke are given.
 *
 * @module
 */
import { FEED_TRIM_LIMIT, FEED_TRIM_MARGIN_MS, randomFeedName } from "../feed.ts";

/** How much longer than the feed its head lives. */
const FEED_HEAD_EXTRA_MS = 30 * 86_400_000;

/** `feed_args` of `lua/feed.lua`. */
export function feedArgs(nowMs: number): readonly string[] {
  return [
    String(nowMs),
    randomFeedName(),
    randomFeedName(),
    String(FEED_TRIM_MARGIN_MS),
    String(FEED_TRIM_LIMIT),
    String(FEED_HEAD_EXTRA_MS),
  ];
}
