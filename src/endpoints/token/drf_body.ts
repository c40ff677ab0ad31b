/**
 * Bodies as Django REST framework reads and refuses them.
 *
 * @module
 */
import { trimOws } from "../../base/ows.ts";
import type { Status } from "../../access/simplejwt_words.ts";
import { readLimited } from "../../http/body.ts";
import type { Fields } from "../../http/body.ts";

/** A body as DRF's parsers see it, or their answer to it. */
export type DrfBody =
  | { readonly kind: "fields"; readonly fields: Fields }
  | { readonly kind: "refused"; readonly status: Status; readonly body: object };

/** Reads JSON, a urlencoded or a multipart form (DRF's default parsers). */
export async function readDrfBody(request: Request): Promise<DrfBody> {
  const type = request.headers.get("content-type") ?? "";
  const essence = trimOws(type.split(";", 1)[0] ?? "").toLowerCase();
  const bytes = await readLimited(request);
  switch (bytes) {
    case "payload_too_large":
      return refused(413, "Request body is too large.");
    case "request_timeout":
      return refused(408, "Request body did not arrive in time.");
    case "invalid_request":
      return refused(400, "Request body ended too early.");
  }
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

/**
 * Text fields of a serializer, or DRF's field errors. Unlike SimpleJWT a password is
 * left as it was typed: white space around it belongs to it, as at every other door.
 */
export function textFields<Name extends string>(
  fields: Fields,
  names: readonly Name[],
): { readonly values: Record<Name, string> } | { readonly errors: object } {
  const values: Partial<Record<Name, string>> = {};
  const errors: Partial<Record<Name, readonly string[]>> = {};
  for (const name of names) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const checked = charField(value, name !== "password");
    if ("error" in checked) errors[name] = [checked.error];
    else values[name] = checked.text;
  }
  return Object.keys(errors).length > 0 ? { errors } : { values: values as Record<Name, string> };
}

/** DRF's `CharField`: numbers are text too, outer white space is none if it is trimmed. */
function charField(
  value: unknown,
  trims: boolean,
): { readonly text: string } | { readonly error: string } {
  if (value === undefined) return { error: "This field is required." };
  if (value === null) return { error: "This field may not be null." };
  if (typeof value !== "string" && typeof value !== "number") {
    return { error: "Not a valid string." };
  }
  const text = trims ? String(value).trim() : String(value);
  if (text.trim() === "") return { error: "This field may not be blank." };
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
