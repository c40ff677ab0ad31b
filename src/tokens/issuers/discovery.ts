/**
 * Where the keys of an issuer are: from the configuration, or from the
 * issuer's own metadata (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).
 *
 * @module
 */
import type { GetJson } from "../../outbound/get_json.ts";
import { isRecord } from "./jwk.ts";

/** An address, or why there is none. */
export type Located =
  | { readonly kind: "found"; readonly url: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Finds the address of a key set. */
export type Locate = (nowMs: number) => Promise<Located>;

/** A discovered address is asked for again after this, or at once when it fails. */
const REMEMBERED_MS = 3_600_000;

/** Whether an address can be asked without anybody on the way changing the answer. */
export function isTrustworthyUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== "" || password !== "") return false;
  if (protocol === "https:") return true;
  return protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

/** Prepares {@link Locate}; `forget` drops what was discovered. */
export function createLocate(
  { issuer, jwks }: { readonly issuer: string; readonly jwks: string | null },
  getJson: GetJson,
): { readonly locate: Locate; forget(): void } {
  let known: { readonly url: string; readonly atMs: number } | null = null;

  async function locate(nowMs: number): Promise<Located> {
    if (jwks !== null) return { kind: "found", url: jwks };
    if (known !== null && nowMs >= known.atMs && nowMs - known.atMs < REMEMBERED_MS) {
      return { kind: "found", url: known.url };
    }
    const found = await discover(issuer, getJson);
    known = found.kind === "found" ? { url: found.url, atMs: nowMs } : null;
    return found;
  }

  return {
    locate,
    forget() {
      known = null;
    },
  };
}

async function discover(issuer: string, getJson: GetJson): Promise<Located> {
  let reason = "";
  for (const url of metadataUrls(issuer)) {
    const answer = await getJson(url);
    if (answer.kind === "failed") return failed(answer.reason);
    if (answer.kind === "status") {
      reason = `discovery answered status ${answer.status}`;
      continue;
    }
    const { document } = answer;
    // Otherwise whoever can publish any document could pose as the issuer (Discovery §4.3).
    if (!isRecord(document) || document.issuer !== issuer) {
      return failed("the discovery document names another issuer");
    }
    const { jwks_uri: address } = document;
    if (typeof address !== "string" || !isTrustworthyUrl(address)) {
      return failed("the discovery document has no jwks_uri that can be trusted");
    }
    if (address.startsWith("http:") && !issuer.startsWith("http:")) {
      return failed("the discovery document names a key set on this machine");
    }
    return { kind: "found", url: address };
  }
  return failed(reason);
}

function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

function failed(reason: string): Located {
  return { kind: "failed", reason };
}
