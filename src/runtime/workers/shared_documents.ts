/**
 * Fetched key sets in the Cache API: instances of a Worker are short-lived, and
 * memory alone would have most of them fetch the same keys anew.
 *
 * @module
 */
import type { JsonValue } from "../../base/json.ts";
import type { SharedDocuments } from "../../tokens/issuers/key_set.ts";

/** Longest that a copy is kept; how fresh it has to be is decided where it is read. */
const KEEP_SECONDS = 86_400;
/** When a copy was fetched. */
const FETCHED_AT = "x-postern-fetched-at";

/** The documents that all instances in one data centre share. */
export function createSharedDocuments(): SharedDocuments {
  // A cache of our own: nobody else's answer for the same address can get in.
  const opened = () => caches.open("postern-documents");
  return {
    async read(url) {
      const copy = await (await opened()).match(url);
      if (copy === undefined) return null;
      const atMs = Number(copy.headers.get(FETCHED_AT));
      const document: JsonValue = await copy.json();
      return Number.isFinite(atMs) && atMs > 0 ? { document, atMs } : null;
    },
    async write(url, { document, atMs }) {
      const copy = Response.json(document, {
        headers: {
          "cache-control": `public, max-age=${KEEP_SECONDS}`,
          [FETCHED_AT]: String(atMs),
        },
      });
      await (await opened()).put(url, copy);
    },
  };
}
