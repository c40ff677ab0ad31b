/**
 * What makes `issuers` unsafe to trust.
 *
 * @module
 */
import { RESERVED_CLAIMS } from "../tokens/claim_map.ts";
import { OWN_CLIENTS } from "../tokens/issuers/own_clients.ts";
import { isTrustworthyUrl } from "../tokens/issuers/discovery.ts";
import type { ConfigFile } from "./schema/file.ts";

/** One line for each mistake; empty when nothing is wrong. */
export function issuerProblems(file: ConfigFile): string[] {
  const own = file.tokens.issuer ?? new URL(file.origin).origin;
  const problems: string[] = [];
  for (const [name, { issuer, jwks, claims }] of Object.entries(file.issuers)) {
    const where = `issuers.${name}`;
    if (Object.hasOwn(file.providers, name)) {
      problems.push(
        `${where}: there is a provider of that name, and their subjects ("${name}|…") would be the same people; rename one`,
      );
    }
    if (issuer === own) {
      problems.push(`${where}.issuer: "${issuer}" is Postern itself; name the other issuer`);
    }
    if (name === OWN_CLIENTS) {
      problems.push(`${where}: the name is taken by Postern's own clients; choose another`);
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
  for (const [name, { issuer }] of Object.entries(file.providers)) {
    const other = file.issuers[name];
    if (name === OWN_CLIENTS || (other !== undefined && other.issuer !== issuer)) {
      problems.push(
        `providers.${name}: the name is taken by ${
          other === undefined ? "Postern's own clients" : "another issuer (issuers)"
        }, and their subjects would be the same; choose another`,
      );
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
