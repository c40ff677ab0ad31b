/**
 * The cookies of sign-ins under way: one for each, a few at most, for some minutes.
 *
 * @module
 */
import { trimOws } from "../base/ows.ts";

/** Flows that one browser may have under way; more tabs at once need no more than these. */
const MAX_FLOWS = 6;
/** All of them together; proxies in front of us often take 8 KiB of headers. */
const MAX_BYTES = 4_096;
/** One answer does not set more cookies than this, however many somebody has planted. */
const MAX_CLEARED = 20;
/** How long a flow can be gone on with, in seconds. */
export const FLOW_SECONDS = 600;

/** Bare name: when it began, in seconds, and a piece of its state's hash. */
const NAME = /^postern-flow-(\d{10})-([A-Za-z0-9_-]{16})$/;
const TAG_LENGTH = 16;

interface Kept {
  readonly name: string;
  readonly value: string;
  readonly beganSeconds: number;
  readonly tag: string;
}

/** The flow cookies of one origin. */
export interface FlowCookies {
  /** `Set-Cookie` values: the new one, and the end of those that are too many or too old. */
  add(
    value: string,
    flow: { readonly hash: string; readonly nowSeconds: number },
    cookieHeader: string | null,
  ): readonly string[];
  /** What was kept for a state, and the `Set-Cookie` values that end it. */
  find(
    hash: string,
    cookieHeader: string | null,
  ): { readonly values: readonly string[]; readonly setCookies: readonly string[] };
}

/** Prepares them. `secure` decides about the `__Host-` prefix, as with the other cookies. */
export function createFlowCookies({ secure }: { readonly secure: boolean }): FlowCookies {
  const prefix = secure ? "__Host-" : "";
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
  const clear = ({ name }: Kept) => `${name}=; Max-Age=0${attributes}`;

  return {
    add(value, { hash, nowSeconds }, cookieHeader) {
      const began = String(nowSeconds).padStart(10, "0");
      const name = `${prefix}postern-flow-${began}-${hash.slice(0, TAG_LENGTH)}`;
      const cleared = tooMany(keptIn(cookieHeader, prefix), name.length + value.length, nowSeconds);
      return [
        ...cleared.slice(0, MAX_CLEARED).map(clear),
        `${name}=${value}; Max-Age=${FLOW_SECONDS}${attributes}`,
      ];
    },

    find(hash, cookieHeader) {
      const own = keptIn(cookieHeader, prefix)
        .filter(({ tag }) => tag === hash.slice(0, TAG_LENGTH));
      return {
        values: own.slice(0, MAX_FLOWS).map(({ value }) => value),
        setCookies: own.slice(0, MAX_CLEARED).map(clear),
      };
    },
  };
}

function keptIn(header: string | null, prefix: string): Kept[] {
  if (header === null || !header.includes("postern-flow-")) return [];
  const found: Kept[] = [];
  for (const part of header.split(";")) {
    const equals = part.indexOf("=");
    const name = trimOws(part.slice(0, Math.max(equals, 0)));
    if (!name.startsWith(prefix)) continue;
    const [, began, tag] = NAME.exec(name.slice(prefix.length)) ?? [];
    if (began === undefined || tag === undefined) continue;
    found.push({ name, value: trimOws(part.slice(equals + 1)), beganSeconds: Number(began), tag });
  }
  return found;
}

/** Those that have to go so that a new one fits; the oldest first. */
function tooMany(kept: readonly Kept[], newBytes: number, nowSeconds: number): Kept[] {
  const byAge = [...kept].sort((a, b) => b.beganSeconds - a.beganSeconds);
  let bytes = newBytes;
  let count = 1;
  return byAge.filter(({ name, value, beganSeconds }) => {
    bytes += name.length + value.length;
    count += 1;
    const isOver = Math.abs(nowSeconds - beganSeconds) > FLOW_SECONDS;
    return isOver || count > MAX_FLOWS || bytes > MAX_BYTES;
  });
}
