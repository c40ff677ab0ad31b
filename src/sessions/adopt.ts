/**
 * Refresh tokens from before Postern.
 *
 * @module
 */
import { v4 } from "uuid";
import type { Presenter } from "../base/presenter.ts";
import type { VerifiedToken } from "../tokens/claims.ts";
import type { SessionEnding } from "./end.ts";
import { keptOf } from "./parts.ts";
import type { PreparedParts } from "./parts.ts";

/** Why a token was not adopted; `null`: it was, now or before. */
export type AdoptOutcome =
  | { readonly kind: "revoked"; readonly sid: string }
  | { readonly kind: "unavailable"; readonly reason: string }
  | null;

/**
 * Makes a refresh token from before Postern the first of a family, once. What
 * `rotate` then says of it, it says of every family: one successor for all
 * who ask at once, the same again where an answer was lost, reuse after that.
 */
export type Adopt = (
  refreshToken: string,
  token: VerifiedToken,
  presenter: Presenter,
) => Promise<AdoptOutcome>;

/** Prepares {@link Adopt}. */
export function createAdopt(parts: PreparedParts, { endToken }: SessionEnding): Adopt {
  const { store, clock, config, verifyElsewhere, denyForMs } = parts;

  return async function adopt(refreshToken, token, presenter) {
    const { sid, subject, jti, groups, sessionCreatedAtMs: bornAtMs } = token;
    const status = await store.tokenStatus({ sid, subject, jti, groups, bornAtMs });
    if (status === "revoked") return null;
    if (status === "unknown") {
      const answer = await verifyElsewhere?.(refreshToken, presenter);
      if (answer?.kind === "unavailable") return answer;
      if (answer?.kind === "refused") return { kind: "revoked", sid };
      const issuedAtSeconds = Math.floor(token.issuedAtSeconds);
      const refreshExpiresAtSeconds = Math.floor(token.expiresAtSeconds);
      const opened = await store.open(
        {
          sid,
          subject,
          claims: token.claims,
          createdAtMs: bornAtMs,
          capSeconds: Math.floor(clock() / 1000) + config.sessionMaxAgeSeconds,
          ...keptOf(presenter.device),
          groups,
          bound: null,
          sealed: null,
          current: {
            refreshJti: jti,
            accessJti: v4(),
            issuedAtSeconds,
            accessExpiresAtSeconds: Math.min(
              issuedAtSeconds + config.accessTtlSeconds,
              refreshExpiresAtSeconds,
            ),
            refreshExpiresAtSeconds,
          },
        },
        { maxSessions: config.maxSessions, denyForMs },
      );
      // "Sign out everywhere" since it was signed.
      if (opened.kind === "superseded") return { kind: "revoked", sid };
      for (const ended of opened.ended) parts.view.apply(ended);
    }
    // Before it is spent, and again after a crash in between: nothing must leave it good for
    // a second family once the record of the first has gone.
    await endToken(token);
    return null;
  };
}
