/**
 * Access tokens that others signed (Auth0, Keycloak, Cognito, Entra, Clerk, any
 * RFC 9068 issuer): each verified once, then remembered for as long as it lives
 * and its key is trusted.
 *
 * @module
 */
import QuickLRU from "quick-lru";
import type { WaitUntil } from "../../base/background.ts";
import type { Clock } from "../../base/clock.ts";
import type { GetJson } from "../../outbound/get_json.ts";
import type { NameGroup } from "../groups.ts";
import { createClaimsCheck } from "./claims.ts";
import type { CheckClaims, CheckedClaims, ClaimsFailure, VerifiedForeign } from "./claims.ts";
import type { PublicKey } from "./jwk.ts";
import { createKeySet } from "./key_set.ts";
import type { KeySet, KeySetReport, SharedDocuments } from "./key_set.ts";
import type { IssuerOptions, KeySetOptions } from "./options.ts";
import { readToken, verifySignature } from "./signature.ts";
import type { SignatureFailure, Unverified } from "./signature.ts";

/**
 * Why a token is not accepted. `not_foreign`: no issuer of the configuration
 * claims it; `unavailable`: its issuer's keys could not be had, so nobody knows.
 */
export type ForeignFailure = "not_foreign" | ClaimsFailure | SignatureFailure;

/** Tokens that others signed. */
export interface Issuers {
  /**
   * A token that was verified before and is still good, without cryptography and
   * without a promise; `null`: {@link Issuers.verify} has to be asked.
   */
  recall(token: string, waitUntil: WaitUntil): VerifiedForeign | null;
  /**
   * Verifies a token. One seen before is answered at once; its expiry is looked
   * at each time. Revocation is not looked at here.
   */
  verify(
    token: string,
    waitUntil: WaitUntil,
  ): VerifiedForeign | ForeignFailure | Promise<VerifiedForeign | ForeignFailure>;
  /**
   * Whether a token says that it comes from one of the issuers; nothing is
   * verified. Tells whose token this is, and what must not reach an upstream.
   */
  claims(token: string): boolean;
}

/** What issuers are put together from. */
export interface IssuersParts {
  readonly clock: Clock;
  /** Names what tokens are revoked with, as for sessions (`tokens/groups.ts`). */
  readonly nameGroup: NameGroup;
  /** Bounded by `KEY_FETCH_LIMITS`. */
  readonly getJson: GetJson;
  readonly shared?: SharedDocuments | undefined;
  /** Told of each fetch of keys. */
  readonly report?: (issuer: string, report: KeySetReport) => void;
  /** Bounds the number of remembered tokens. */
  readonly cacheSize?: number;
  readonly keySet?: KeySetOptions;
  /** Whether bound tokens are held to their key here (RFC 9449). */
  readonly provesKeys: boolean;
}

interface Issuer {
  readonly options: IssuerOptions;
  readonly keys: KeySet;
  readonly check: CheckClaims;
}

interface Remembered {
  readonly token: VerifiedForeign;
  readonly key: PublicKey;
  readonly issuer: Issuer;
}

/** Prepares verification for all issuers of the configuration. */
export function createIssuers(
  options: readonly IssuerOptions[],
  parts: IssuersParts,
): Issuers {
  const { clock } = parts;
  const issuers = prepare(options, parts);
  const remembered = new QuickLRU<string, Remembered>({ maxSize: parts.cacheSize ?? 20_000 });

  function candidates({ payload }: Unverified): readonly Issuer[] {
    return typeof payload.iss === "string" ? issuers.get(payload.iss) ?? [] : [];
  }

  async function verifyNew(
    token: string,
    waitUntil: WaitUntil,
  ): Promise<VerifiedForeign | ForeignFailure> {
    const read = readToken(token);
    if (read === null) return "not_foreign";
    let failure: ForeignFailure = "not_foreign";
    // Several entries may share an issuer: one for its people, one for its machines.
    for (const issuer of candidates(read)) {
      const { options: { types, algorithms }, keys } = issuer;
      if (!types.includes(read.header.type)) {
        failure = "wrong_type";
        continue;
      }
      const key = await verifySignature(token, read, { algorithms, keys, waitUntil });
      if (typeof key === "string") {
        failure = key;
        continue;
      }
      const checked = issuer.check(read.payload, clock());
      if (typeof checked === "string") {
        failure = checked;
        continue;
      }
      const name = checked.jti ?? `~${await digest(read.signingInput)}`;
      const verified = {
        ...checked,
        jti: `${checked.source}|${name}`,
        groups: await groupsOf(checked, parts.nameGroup),
      };
      remembered.set(token, { token: verified, key, issuer });
      return verified;
    }
    return failure;
  }

  function recall(token: string, waitUntil: WaitUntil): VerifiedForeign | null {
    const known = remembered.get(token);
    if (known === undefined) return null;
    const { token: verified, key, issuer } = known;
    const { clockToleranceSeconds } = issuer.options;
    const isGood = clock() < (verified.expiresAtSeconds + clockToleranceSeconds) * 1000 &&
      issuer.keys.isFresh(waitUntil) && key.isTrusted;
    if (!isGood) remembered.delete(token);
    return isGood ? verified : null;
  }

  return {
    recall,
    claims(token) {
      if (remembered.has(token)) return true;
      const read = readToken(token);
      return read !== null && candidates(read).length > 0;
    },
    verify: (token, waitUntil) => recall(token, waitUntil) ?? verifyNew(token, waitUntil),
  };
}

function prepare(
  options: readonly IssuerOptions[],
  parts: IssuersParts,
): ReadonlyMap<string, readonly Issuer[]> {
  const keySets = new Map<string, KeySet>();
  const issuers = new Map<string, Issuer[]>();
  for (const each of options) {
    const place = each.jwks ?? `discovery ${each.issuer}`;
    const keys = keySets.get(place) ?? createKeySet(each, {
      clock: parts.clock,
      getJson: parts.getJson,
      shared: parts.shared,
      report: (report) => parts.report?.(each.name, report),
    }, parts.keySet);
    keySets.set(place, keys);
    const sameIssuer = issuers.get(each.issuer) ?? [];
    sameIssuer.push({ options: each, keys, check: createClaimsCheck(each, parts) });
    issuers.set(each.issuer, sameIssuer);
  }
  return issuers;
}

/**
 * What a token can be revoked with. Named as a session of the same provider would
 * be, so that a back-channel logout ends both.
 */
function groupsOf(
  { subject, source, payload: { iss, sub, sid } }: CheckedClaims,
  nameGroup: NameGroup,
): Promise<string[]> {
  return Promise.all([
    nameGroup("subject", subject),
    nameGroup("provider", source),
    ...(typeof sub === "string" ? [nameGroup("provider_subject", String(iss), sub)] : []),
    ...(typeof sid === "string" ? [nameGroup("provider_session", String(iss), sid)] : []),
  ]);
}

/** SHA-256 in base64url. */
async function digest(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(hash)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
