/**
 * The token that a request is about.
 *
 * @module
 */
import { readFields } from "../../http/body.ts";
import type { Fields } from "../../http/body.ts";
import type { Problem } from "../../http/problem.ts";
import type { TokenFailure, VerifiedToken } from "../../tokens/claims.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";

/** The token, verified; `fields` are those of the body, as far as they could be read. */
export type Presented =
  | {
    readonly kind: "token";
    readonly token: VerifiedToken | TokenFailure;
    readonly fields: Fields;
  }
  | { readonly kind: "problem"; readonly problem: Problem; readonly fields: Fields };

/** Reads the `token` parameter, of either type; a hint (RFC 7009 §2.1) is not needed. */
export async function presentedToken(
  request: Request,
  verifier: Pick<TokenVerifier, "verify">,
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
  return {
    kind: "token",
    token: access === "wrong_type" ? await verifier.verify(token, "refresh") : access,
    fields,
  };
}
