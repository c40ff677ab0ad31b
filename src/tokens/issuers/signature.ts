/**
 * The signature of a token that somebody else made: a compact JWS (RFC 7515
 * §3.1) by the rules of RFC 8725. Its header chooses among the keys and
 * algorithms that we trust already, and decides nothing else.
 *
 * @module
 */
import { compactVerify } from "jose";
import type { WaitUntil } from "../../base/background.ts";
import type { JsonValue } from "../../base/json.ts";
import { parseJson } from "../../outbound/json.ts";
import { isRecord } from "./jwk.ts";
import type { PublicKey } from "./jwk.ts";
import type { KeySet } from "./key_set.ts";
import type { ForeignAlgorithm } from "./options.ts";

/** A longer token is refused unread. Entra puts 200 groups into one. */
const MAX_TOKEN_LENGTH = 16_384;
/** Longest header part: an algorithm, a type and a key id need no more. */
const MAX_HEADER_LENGTH = 2_048;
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/**
 * Members that change what is signed, or how it is to be read. We support none
 * of them, so a token that has one must be refused (RFC 7515 §4.1.11, RFC 7797 §6).
 * `jku`, `jwk`, `x5u` and `x5c` are not among them: they are never looked at.
 */
const UNSUPPORTED = ["crit", "b64", "zip", "enc", "epk"] as const;

/** A compact JWS whose header was read. */
export interface Compact {
  readonly header: {
    readonly alg: string;
    readonly kid: string | null;
    /** Lower case, without `application/`; `""` when there is none (RFC 7515 §4.1.9). */
    readonly type: string;
  };
  /** The payload, still encoded. */
  readonly body: string;
  /** Header and payload as signed: what names the token, however its signature is spelled. */
  readonly signingInput: string;
}

/** What a token says, before anybody knows whether it is true. */
export interface Unverified extends Compact {
  readonly payload: Readonly<Record<string, JsonValue>>;
}

/** Reads a compact JWS; `null` where it is none, or one that can be read in two ways. */
export function readCompact(token: string): Compact | null {
  if (token.length > MAX_TOKEN_LENGTH) return null;
  const [, head = "", body = "", signature = ""] = COMPACT.exec(token) ?? [];
  if (head === "" || head.length > MAX_HEADER_LENGTH) return null;
  if (![head, body, signature].every(isCanonical)) return null;
  const header = decode(head);
  if (header === null) return null;
  const { alg, kid, typ } = header;
  if (typeof alg !== "string") return null;
  if (kid !== undefined && typeof kid !== "string") return null;
  if (typ !== undefined && typeof typ !== "string") return null;
  if (UNSUPPORTED.some((member) => Object.hasOwn(header, member))) return null;
  return {
    header: { alg, kid: kid ?? null, type: normalType(typ ?? "") },
    body,
    signingInput: `${head}.${body}`,
  };
}

/** Reads a JWT (RFC 7519 §7.2): a compact JWS whose payload is a JSON object. */
export function readToken(token: string): Unverified | null {
  const compact = readCompact(token);
  const payload = compact === null ? null : decode(compact.body);
  return compact === null || payload === null ? null : { ...compact, payload };
}

/** Why a signature is not accepted. */
export type SignatureFailure = "unknown_key" | "bad_signature" | "unavailable";

/**
 * Verifies a token that was read from the very same text: with an algorithm
 * that the configuration **and** the key allow (RFC 8725 §3.1), and a key of the set.
 */
export async function verifySignature(
  token: string,
  { header }: Compact,
  { algorithms, keys, waitUntil }: {
    readonly algorithms: readonly ForeignAlgorithm[];
    readonly keys: KeySet;
    readonly waitUntil: WaitUntil;
  },
): Promise<PublicKey | SignatureFailure> {
  const alg = algorithms.find((each) => each === header.alg);
  if (alg === undefined) return "unknown_key";
  const key = await keys.find({ alg, kid: header.kid }, waitUntil);
  if (typeof key === "string") return key;
  const imported = await key.load(alg);
  if (imported === null) return "unknown_key";
  try {
    await compactVerify(token, imported, { algorithms: [alg] });
    return key;
  } catch {
    return "bad_signature";
  }
}

/** RFC 7515 §4.1.9: `application/` is left out where nothing else follows it. */
export function normalType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, "");
}

/** Base64url has one spelling for each value: unused bits are zero (RFC 4648 §3.5). */
function isCanonical(part: string): boolean {
  const rest = part.length % 4;
  if (rest === 0) return true;
  if (rest === 1) return false;
  return (rest === 2 ? "AQgw" : "AEIMQUYcgkosw048").includes(part.at(-1) ?? "");
}

function decode(part: string): Record<string, JsonValue> | null {
  const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  const value = parseJson(Uint8Array.from(binary, (char) => char.charCodeAt(0)))?.value;
  return isRecord(value) ? value : null;
}
