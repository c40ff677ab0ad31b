/**
 * What makes `issuers` unsafe to trust.
 *
 * @module
 */
import { RESERVED_CLAIMS } from "../tokens/claim_map.ts";
import { isTrustworthyUrl } from "../tokens/issuers/discovery.ts";
import type { ConfigFile } from "./schema/file.ts";

/** One line for each mistake; empty when nothing is wrong. */
export function issuerProblems(file: ConfigFile): string[] {
  const own = file.tokens.issuer ?? new URL(file.origin).origin;
  const problems: string[] = [];
  for (const [name, { issuer, jwks, claims }] of Object.entries(file.issuers)) {
    const where = `issuers.${name}`;
    if (issuer === own) {
      problems.push(`${where}.issuer: "${issuer}" is Postern itself; name the other issuer`);
    }
    for (const [key, url] of [["issuer", issuer], ["jwks", jwks]] as const) {
      if (url !== undefined && !isTrustworthyUrl(url)) {
        problems.push(
          `${where}.${key}: "${url}" would fetch keys over plain http, where anybody on the way can put theirs; use https`,
        );
      }
    }
    for (const claim of Object.keys(claims)) {
      if (claim === "scope" || RESERVED_CLAIMS.has(claim)) {
        problems.push(
          `${where}.claims.${claim}: is read from ${
            claim === "scope" ? "scope" : "the token"
          } already; choose another name`,
        );
      }
    }
  }
  for (const [name, { forwardToken, assertion }] of Object.entries(file.upstreams)) {
    if (forwardToken && typeof assertion === "object" && assertion.header === "Authorization") {
      problems.push(
        `upstreams.${name}.forwardToken: the assertion is sent as Authorization already; remove one of them`,
      );
    }
  }
  return problems;
}
