/**
 * Finds our tokens wherever they have no business: in a query, a path, a header or
 * a WebSocket subprotocol on their way to an upstream, and in the log (guarantee 1).
 *
 * Each text is gone through once, piece by piece; no piece is decoded twice.
 *
 * @module
 */
import { trimOws } from "../base/ows.ts";
import { decodeBase64url, isBase64urlCode } from "./base64url.ts";
import type { LegacyConfig } from "./legacy.ts";
import { createUnescaped } from "./unescape.ts";

/** What makes a token ours. */
export interface ScanOptions {
  /** `iss` of our tokens. */
  readonly issuer: string;
  /** `iss` of others whose tokens are credentials here. */
  readonly issuers?: readonly string[];
  /** Tokens from before Postern name no issuer, and are credentials all the same. */
  readonly legacy: Pick<LegacyConfig, "userIdClaim" | "issuer"> | null;
}

/** Looks for tokens in texts of any length. */
export interface TokenScanner {
  /**
   * Whether a text holds a token of ours, valid or not: by itself, in a longer word,
   * quoted, percent-encoded (more than once, too), or in base64 (`Basic`, the
   * subprotocols of Kubernetes).
   */
  holdsOurs(text: string): boolean;
  /** The text with every JWT in it, ours or not, and every CSRF token left out: for the log. */
  redact(text: string): string;
  /**
   * A list without the members that hold a token of ours; `null` when nothing is left.
   * A list that holds none comes back as it is.
   */
  withoutOurs(list: string, separator: ";" | "|" | ","): string | null;
}

/** No token has a shorter payload: the names of its claims alone are as long. */
const MIN_PAYLOAD = 100;
/** Longer tokens are refused unread (`verify.ts`, `issuers/signature.ts`), so they open nothing. */
const MAX_PAYLOAD = 16_384;
/** Header, payload and signature of the shortest one. */
const MIN_TOKEN = MIN_PAYLOAD + 50;

/** `{"`, as every JSON object of a JWT library begins. */
const JSON_START = "eyJ";

/** The version, and how many characters follow it (`browser/csrf.ts`). */
const CSRF_START = "v1.";
const CSRF_LENGTH = 43;

/** Prepares the scanner. */
export function createTokenScanner({ issuer, issuers = [], legacy }: ScanOptions): TokenScanner {
  const names: ReadonlySet<unknown> = new Set([issuer, ...issuers]);

  function isOurs(payload: Readonly<Record<string, unknown>>): boolean {
    if (names.has(payload["iss"])) return true;
    if (legacy === null || !Object.hasOwn(payload, legacy.userIdClaim)) return false;
    const isToken = payload["token_type"] === "access" || payload["token_type"] === "refresh";
    return isToken && (legacy.issuer === null || payload["iss"] === legacy.issuer);
  }

  function isOurPayload(piece: string): boolean {
    const payload = readPayload(piece);
    return payload !== null && isOurs(payload);
  }

  /** A whole token of ours in base64: `Basic`, and subprotocols that may hold no dots. */
  function wrapsOurs(piece: string): boolean {
    if (piece.length < MIN_TOKEN || piece.length > 2 * MAX_PAYLOAD) return false;
    const inner = decodeLoosely(piece);
    return inner.includes(`.${JSON_START}`) && findJwt(inner, 0, isOurPayload, null) !== null;
  }

  function holdsOurs(text: string): boolean {
    if (text.length < MIN_TOKEN) return false;
    return findJwt(createUnescaped(text).text, 0, isOurPayload, wrapsOurs) !== null;
  }

  return {
    holdsOurs,
    redact(text) {
      if (text.length < CSRF_START.length + CSRF_LENGTH) return text;
      const unescaped = createUnescaped(text);
      const found = [
        ...allJwts(unescaped.text, (piece) => piece.startsWith(JSON_START), wrapsOurs),
        ...allCsrf(unescaped.text),
      ].sort((one, other) => one.start - other.start);
      let redacted = "";
      let kept = 0;
      for (const { start, end } of found) {
        const [from, to] = [unescaped.origin(start), unescaped.origin(end)];
        if (from < kept) continue;
        redacted += `${text.slice(kept, from)}[token]`;
        kept = to;
      }
      return kept === 0 ? text : redacted + text.slice(kept);
    },
    withoutOurs(list, separator) {
      if (!holdsOurs(list)) return list;
      const kept = list.split(separator).filter((member) => !holdsOurs(member));
      const rest = trimOws(kept.join(separator));
      return rest === "" ? null : rest;
    },
  };
}

/** Whether a text holds what could be a CSRF token, percent-encoded or not. */
export function holdsCsrfShaped(text: string): boolean {
  if (text.length < CSRF_START.length + CSRF_LENGTH) return false;
  return !allCsrf(createUnescaped(text).text).next().done;
}

interface Found {
  readonly start: number;
  readonly end: number;
}

function* allJwts(
  text: string,
  isPayload: (piece: string) => boolean,
  isWrapped: (piece: string) => boolean,
): Generator<Found> {
  for (let from = 0; from < text.length;) {
    const found = findJwt(text, from, isPayload, isWrapped);
    if (found === null) return;
    yield found;
    from = found.end;
  }
}

function* allCsrf(text: string): Generator<Found> {
  for (let at = text.indexOf(CSRF_START); at >= 0;) {
    const start = at + CSRF_START.length;
    let end = start;
    while (end < text.length && isBase64urlCode(text.charCodeAt(end))) end++;
    const isWhole = end - start >= CSRF_LENGTH;
    if (isWhole) yield { start: at, end };
    at = text.indexOf(CSRF_START, isWhole ? end : start);
  }
}

/**
 * The first JWT from `from` on: three pieces of base64url with dots between, whose
 * middle one is a payload that counts. The pieces around may stand in longer words.
 */
function findJwt(
  text: string,
  from: number,
  isPayload: (piece: string) => boolean,
  isWrapped: ((piece: string) => boolean) | null,
): Found | null {
  /** Begin of the piece that is read, and of those before it, if dots join them; else -1. */
  let header = -1;
  let payload = -1;
  let piece = from;
  let isMatch = false;
  for (let index = from; index <= text.length; index++) {
    const code = index < text.length ? text.charCodeAt(index) : 0;
    if (isBase64urlCode(code)) continue;
    const isEmpty = index === piece;
    if (isMatch && !isEmpty) return { start: headerStart(text, header, payload), end: index };
    if (isWrapped !== null && !isEmpty && index - piece >= MIN_TOKEN) {
      if (isWrapped(text.slice(piece, index))) return { start: piece, end: index };
    }
    isMatch = false;
    if (code !== 0x2e || isEmpty) {
      header = -1;
      payload = -1;
    } else {
      // The piece that ends here is in the middle if another one stands before it.
      const length = index - piece;
      isMatch = payload >= 0 && length >= MIN_PAYLOAD && length <= MAX_PAYLOAD &&
        isPayload(text.slice(piece, index));
      header = payload;
      payload = piece;
    }
    piece = index + 1;
  }
  return null;
}

/** Where a header begins that may stand at the end of a longer word. */
function headerStart(text: string, piece: number, end: number): number {
  const start = text.indexOf(JSON_START, piece);
  return start >= 0 && start < end ? start : piece;
}

function readPayload(piece: string): Readonly<Record<string, unknown>> | null {
  if (!piece.startsWith(JSON_START)) return null;
  const bytes = decodeBase64url(piece);
  if (bytes === null || bytes.at(-1) !== 0x7d) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return value as Readonly<Record<string, unknown>>;
  } catch {
    return null;
  }
}

/** Of a piece that something may have been put behind, as much as is whole. */
function decodeLoosely(piece: string): string {
  const whole = piece.slice(0, piece.length - (piece.length % 4));
  const bytes = decodeBase64url(whole);
  return bytes === null ? "" : new TextDecoder().decode(bytes);
}
