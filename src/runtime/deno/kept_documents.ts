/**
 * Key sets of issuers, kept for as long as the process lives: a reload must not depend on every
 * issuer being there at that moment.
 *
 * @module
 */
import type { SharedDocuments } from "../../tokens/issuers/key_set.ts";

/** As many as a configuration would ever name; the oldest go first. */
const MOST = 200;

/** Starts with nothing kept. */
export function createKeptDocuments(): SharedDocuments {
  type Copy = NonNullable<Awaited<ReturnType<SharedDocuments["read"]>>>;
  const copies = new Map<string, Copy>();
  return {
    read: (url) => Promise.resolve(copies.get(url) ?? null),
    write(url, copy) {
      // Our own keys change with the configuration and are at hand anyway.
      if (!/^https?:/.test(url)) return Promise.resolve();
      copies.delete(url);
      copies.set(url, copy);
      const [oldest] = copies.keys();
      if (copies.size > MOST && oldest !== undefined) copies.delete(oldest);
      return Promise.resolve();
    },
  };
}
