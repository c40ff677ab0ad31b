/**
 * Small request bodies of Postern's own endpoints, parsed at the border.
 *
 * @module
 */
import type { Problem } from "./problem.ts";

/** Credentials and tokens are small; anything larger is not meant for us. */
const MAX_BODY_BYTES = 64 * 1024;

/** Fields of a JSON object or a form. */
export type Fields = Readonly<Record<string, unknown>>;

/** A parsed body, or what is wrong with it. */
export type BodyOutcome =
  | { readonly kind: "fields"; readonly fields: Fields }
  | { readonly kind: "problem"; readonly problem: Problem };

/** Reads a JSON object, or an urlencoded or multipart form. */
export async function readFields(request: Request): Promise<BodyOutcome> {
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const bytes = await readLimited(request);
  if (bytes === null) return problem({ code: "payload_too_large" });
  if (type === "application/json" || type.endsWith("+json")) {
    try {
      const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
      if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        return { kind: "fields", fields: value as Fields };
      }
      return problem({ code: "invalid_request", detail: "The body must be a JSON object." });
    } catch {
      return problem({ code: "invalid_request", detail: "The body is not valid JSON." });
    }
  }
  if (type === "application/x-www-form-urlencoded" || type === "multipart/form-data") {
    try {
      const form = await new Response(bytes, {
        headers: { "content-type": request.headers.get("content-type") ?? "" },
      }).formData();
      return { kind: "fields", fields: Object.fromEntries(form) };
    } catch {
      return problem({ code: "invalid_request", detail: "The form can not be read." });
    }
  }
  if (bytes.length === 0) return { kind: "fields", fields: {} };
  return problem({
    code: "unsupported_media_type",
    detail: "Send application/json or a form.",
  });
}

function problem(problem: Problem): BodyOutcome {
  return { kind: "problem", problem };
}

/** The whole body, or `null` when it is larger than anything meant for us. */
export async function readLimited(request: Request): Promise<Uint8Array<ArrayBuffer> | null> {
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
