/**
 * A page of sessions out of memory.
 *
 * @module
 */
import type { SessionRecord } from "../../base/session.ts";
import { decodeSessionPlace, encodeSessionPlace } from "../page_cursor.ts";
import { MAX_PAGE, type SessionPage, type SessionQuery } from "../port.ts";
import { isAskedFor, youngestFirst } from "../rules.ts";

/** Picks the page that a query asks for out of all live sessions. */
export function pageOf(live: readonly SessionRecord[], query: SessionQuery): SessionPage {
  const place = decodeSessionPlace(query.after);
  const found = live
    .filter((record) => query.subject === undefined || record.subject === query.subject)
    .filter((record) => isAskedFor(record, query))
    .sort(youngestFirst)
    .filter((record) => place === null || youngestFirst(place, record) < 0);
  const page = found.slice(0, Math.min(query.limit, MAX_PAGE));
  const last = page.at(-1);
  return {
    sessions: page,
    next: last !== undefined && page.length < found.length ? encodeSessionPlace(last) : null,
  };
}
