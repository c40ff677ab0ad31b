/**
 * The token that a request is about.
 *
 * @module
 */
import type { WaitUntil } from "../../base/background.ts";
import { readFields } from "../../http/body.ts";
import type { Fields } from "../../http/body.ts";
import type { Problem } from "../../http/problem.ts";
import type { TokenFailure, VerifiedToken } from "../../tokens/claims.ts";
import type { VerifiedForeign } from "../../tokens/issuers/claims.ts";
import type { Issuers } from "../../tokens/issuers/issuers.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";

/** The token, verified; `fields` are those of the body, as far as they could be read. */
export type Presented =
  | {
    readonly kind: "token";
    readonly token: VerifiedToken | VerifiedForeign | TokenFailure;
    readonly fields: Fields;
  }
  | { readonly kind: "problem"; readonly problem: Problem; readonly fields: Fields };

/** Reads the `token` parameter, of either type; a hint (RFC 7009 §2.1) is not needed. */
export async function presentedToken(
  request: Request,
  { verifier, issuers }: {
    readonly verifier: Pick<TokenVerifier, "verify">;
    /** `null`: nobody else's tokens are taken. */
    readonly issuers: Issuers | null;
  },
  waitUntil: WaitUntil,
): Promise<Presented> {
  const body = await readFields(request);
  if (body.kind === "problem") return { ...body, fields: {} };
  const { fields } = body;
  const { token } = fields;
  if (typeof token !== "string" || token === "") {
    const problem: Problem = {
      code: "invalid_request",
      detail: "The parameter token is required.",
      extensions: { error: "invalid_request" },
    };
    return { kind: "problem", problem, fields };
  }
  const access = await verifier.verify(token, "access");
  const own = access === "wrong_type" ? await verifier.verify(token, "refresh") : access;
  if (typeof own === "string" && issuers !== null) {
    const foreign = await issuers.verify(token, waitUntil);
    if (typeof foreign !== "string") return { kind: "token", token: foreign, fields };
  }
  return { kind: "token", token: own, fields };
}
