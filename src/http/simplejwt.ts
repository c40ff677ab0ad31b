/**
 * How `djangorestframework-simplejwt` and the Django REST framework below it
 * read requests and word answers, so that front ends written for them notice
 * nothing.
 *
 * @module
 */
import type { SimpleJwtVersion } from "../config/config.ts";
import type { TokenFailure, TokenType } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import { readLimited } from "./body.ts";
import type { Fields } from "./body.ts";

/** Statuses that the token transport answers with. */
export type Status = 200 | 400 | 401 | 405 | 413 | 415 | 429 | 500 | 503;

/** A body as DRF's parsers see it, or their answer to it. */
export type DrfBody =
  | { readonly kind: "fields"; readonly fields: Fields }
  | { readonly kind: "refused"; readonly status: Status; readonly body: object };

/** Said of a token that was revoked or spent. */
export const BLACKLISTED = "Token is blacklisted";

/** Reads JSON, a urlencoded or a multipart form (DRF's default parsers). */
export async function readDrfBody(request: Request): Promise<DrfBody> {
  const type = request.headers.get("content-type") ?? "";
  const essence = type.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const bytes = await readLimited(request);
  if (bytes === null) return refused(413, "Request body is too large.");
  if (bytes.length === 0) return { kind: "fields", fields: {} };
  switch (essence) {
    case "application/json":
      return readJson(bytes);
    case "application/x-www-form-urlencoded":
    case "multipart/form-data":
      try {
        const headers = { "content-type": type };
        const form = await new Response(bytes, { headers }).formData();
        return { kind: "fields", fields: Object.fromEntries(form) };
      } catch {
        return refused(400, "Multipart form parse error - Invalid boundary in multipart: None");
      }
    default:
      return refused(415, `Unsupported media type "${type}" in request.`);
  }
}

function readJson(bytes: Uint8Array<ArrayBuffer>): DrfBody {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return refused(400, `JSON parse error - ${(error as Error).message}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return { kind: "fields", fields: value as Fields };
  }
  // DRF takes `null` for no data at all.
  if (value === null) {
    return { kind: "refused", status: 400, body: { non_field_errors: ["No data provided"] } };
  }
  const found = `Invalid data. Expected a dictionary, but got ${pythonType(value)}.`;
  return { kind: "refused", status: 400, body: { non_field_errors: [found] } };
}

function pythonType(value: unknown): string {
  if (Array.isArray(value)) return "list";
  switch (typeof value) {
    case "string":
      return "str";
    case "boolean":
      return "bool";
    default:
      return Number.isInteger(value) ? "int" : "float";
  }
}

function refused(status: Status, detail: string): DrfBody {
  return { kind: "refused", status, body: { detail } };
}

/** Text fields of a serializer, or DRF's field errors. */
export function textFields<Name extends string>(
  fields: Fields,
  names: readonly Name[],
): { readonly values: Record<Name, string> } | { readonly errors: object } {
  const values: Partial<Record<Name, string>> = {};
  const errors: Partial<Record<Name, readonly string[]>> = {};
  for (const name of names) {
    const checked = charField(Object.hasOwn(fields, name) ? fields[name] : undefined);
    if ("error" in checked) errors[name] = [checked.error];
    else values[name] = checked.text;
  }
  return Object.keys(errors).length > 0 ? { errors } : { values: values as Record<Name, string> };
}

/** DRF's `CharField`: numbers are text too, outer white space is none. */
function charField(value: unknown): { readonly text: string } | { readonly error: string } {
  if (value === undefined) return { error: "This field is required." };
  if (value === null) return { error: "This field may not be null." };
  if (typeof value !== "string" && typeof value !== "number") {
    return { error: "Not a valid string." };
  }
  const text = String(value).trim();
  if (text === "") return { error: "This field may not be blank." };
  if (text.includes("\0")) return { error: "Null characters are not allowed." };
  const surrogate = /[\ud800-\udfff]/.exec(text.isWellFormed() ? "" : unpaired(text));
  if (surrogate !== null) {
    const code = surrogate[0].charCodeAt(0).toString(16).toUpperCase();
    return { error: `Surrogate characters are not allowed: U+${code}.` };
  }
  return { text };
}

function unpaired(text: string): string {
  return text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, "");
}

/** What is wrong with a token, in the words of a version. */
export function failureDetail(failure: TokenFailure, version: SimpleJwtVersion): string {
  if (failure === "wrong_type") return "Token has wrong type";
  if (version !== "5.5") return "Token is invalid or expired";
  return failure === "expired" ? "Token is expired" : "Token is invalid";
}

/** SimpleJWT looks at a token's time before it looks at its type. */
export async function timeBeforeType(
  failure: TokenFailure,
  token: string,
  expected: TokenType,
  verifier: TokenVerifier,
): Promise<TokenFailure> {
  if (failure !== "wrong_type") return failure;
  const other = await verifier.verify(token, expected === "refresh" ? "access" : "refresh");
  return other === "expired" ? other : failure;
}

/** A resource's refusal, as `JWTAuthentication` words it. */
export type ResourceRefusal = "missing" | "bad_header" | "revoked" | TokenFailure;

/** The body of a resource's 401. */
export function resourceRefusal(refusal: ResourceRefusal, version: SimpleJwtVersion): object {
  switch (refusal) {
    case "missing":
      return { detail: "Authentication credentials were not provided." };
    case "bad_header":
      return {
        detail: "Authorization header must contain two space-delimited values",
        code: "bad_authorization_header",
      };
    default: {
      const message = refusal === "revoked" ? BLACKLISTED : failureDetail(refusal, version);
      return {
        detail: "Given token not valid for any token type",
        code: "token_not_valid",
        messages: [{ token_class: "AccessToken", token_type: "access", message }],
      };
    }
  }
}

/** An answer of the token transport, or a resource's refusal. */
export function drfResponse(status: Status, body: object): Response {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "vary": "Accept",
  };
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="api"';
  return new Response(JSON.stringify(body), { status, headers });
}
