/**
 * Mints token pairs. A pair is a pure function of the session and one
 * generation of its token family, so a pair whose answer was lost is minted
 * again instead of being stored.
 *
 * @module
 */
import { ClaimsTooLargeError } from "../base/errors.ts";
import type { SessionRecord, TokenGeneration } from "../base/session.ts";
import { GROUPS_CLAIM, MAX_TOKEN_LENGTH } from "./claims.ts";
import type { KeyRing } from "./key_ring.ts";
import type { TokenOptions } from "./options.ts";
import { signJwt } from "./sign.ts";

/** An access token and a refresh token, with their times. */
export interface TokenPair {
  readonly access: string;
  readonly refresh: string;
  /** `jti` of the refresh token. */
  readonly refreshJti: string;
  readonly accessExpiresAtSeconds: number;
  readonly refreshExpiresAtSeconds: number;
}

/** Mints the pair of one generation. May throw {@link ClaimsTooLargeError}. */
export type MintPair = (
  session: SessionRecord,
  generation: TokenGeneration,
) => Promise<TokenPair>;

/** Prepares minting; each pair is signed with the key that signs at that moment. */
export function createPairMinter(keys: KeyRing, config: TokenOptions): MintPair {
  return async function mintPair(session, generation) {
    const { issuedAtSeconds, accessExpiresAtSeconds, refreshExpiresAtSeconds } = generation;
    // A key that nobody proved to us is none.
    const { cnf: _cnf, ...claims } = session.claims;
    const common = {
      ...claims,
      ...(config.subjectClaim === null ? {} : { [config.subjectClaim]: session.subject }),
      iss: config.issuer,
      aud: config.audience,
      sub: session.subject,
      sid: session.sid,
    };
    // A lost answer that is asked for again may come with a younger access token.
    const accessIssuedAtSeconds = session.lastSeenAtMs > session.createdAtMs
      ? Math.max(issuedAtSeconds, Math.floor(session.lastSeenAtMs / 1000))
      : issuedAtSeconds;
    // RFC 9449 §5: the refresh token of a public client is bound, too.
    const confirmation = session.bound === null ? {} : { cnf: { ...session.bound } };
    const key = keys.signing;
    const [access, refresh] = await Promise.all([
      signJwt("access", {
        ...common,
        iat: accessIssuedAtSeconds,
        jti: generation.accessJti,
        exp: accessExpiresAtSeconds,
        [GROUPS_CLAIM]: session.groups,
        ...confirmation,
        token_type: "access",
      }, key),
      signJwt("refresh", {
        ...common,
        iat: issuedAtSeconds,
        jti: generation.refreshJti,
        exp: refreshExpiresAtSeconds,
        ...confirmation,
        token_type: "refresh",
      }, key),
    ]);
    // What no door of ours would take: better no sign-in than one that opens nothing.
    const length = Math.max(access.length, refresh.length);
    if (length > MAX_TOKEN_LENGTH) {
      throw new ClaimsTooLargeError(
        `a token would be ${length} characters and Postern takes ${MAX_TOKEN_LENGTH}; ` +
          "map fewer or shorter claims in identity.claims",
      );
    }
    const { refreshJti } = generation;
    return { access, refresh, refreshJti, accessExpiresAtSeconds, refreshExpiresAtSeconds };
  };
}
