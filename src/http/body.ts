/**
 * Small request bodies of Postern's own endpoints, parsed at the border.
 *
 * @module
 */
import { trimOws } from "../base/ows.ts";
import type { Problem } from "./problem.ts";

/** Credentials and tokens are small; anything larger is not meant for us. */
const MAX_BODY_BYTES = 64 * 1024;

/** Nobody needs more pieces for it; each costs as much as a whole packet. */
const MAX_PIECES = 256;

/** How long the whole of a body may take; a password is typed before it is sent. */
const BODY_DEADLINE_MS = 10_000;

/** Fields of a JSON object or a form. */
export type Fields = Readonly<Record<string, unknown>>;

/** A parsed body, or what is wrong with it. */
export type BodyOutcome =
  | {
    readonly kind: "fields";
    readonly fields: Fields;
    /** Whether a form has a name more than once; of its values the last is in `fields`. */
    readonly repeated: boolean;
  }
  | { readonly kind: "problem"; readonly problem: Problem };

/** Reads a JSON object, or an urlencoded or multipart form. */
export async function readFields(request: Request): Promise<BodyOutcome> {
  const type = trimOws(request.headers.get("content-type")?.split(";", 1)[0] ?? "").toLowerCase();
  const bytes = await readLimited(request);
  if (typeof bytes === "string") return problem({ code: bytes });
  if (type === "application/json" || type.endsWith("+json")) {
    try {
      const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
      if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        return { kind: "fields", fields: value as Fields, repeated: false };
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
      const names = Array.from(form.keys());
      const repeated = new Set(names).size < names.length;
      return { kind: "fields", fields: Object.fromEntries(form), repeated };
    } catch {
      return problem({ code: "invalid_request", detail: "The form can not be read." });
    }
  }
  if (bytes.length === 0) return { kind: "fields", fields: {}, repeated: false };
  return problem({
    code: "unsupported_media_type",
    detail: "Send application/json or a form.",
  });
}

function problem(problem: Problem): BodyOutcome {
  return { kind: "problem", problem };
}

/** Why a body was not read to its end. */
export type UnreadBody = "payload_too_large" | "request_timeout" | "invalid_request";

/**
 * The whole body, or why there is none: larger than anything meant for us, slower
 * than anybody who means it, or broken off. A client that sends nothing holds
 * nothing for longer than the deadline.
 */
export async function readLimited(
  request: Request,
  deadlineMs: number = BODY_DEADLINE_MS,
): Promise<Uint8Array<ArrayBuffer> | UnreadBody> {
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<"request_timeout">((resolve) => {
    timer = setTimeout(() => resolve("request_timeout"), deadlineMs);
  });
  const outcome = await Promise.race([readAll(reader), deadline]);
  clearTimeout(timer);
  // What is not read any more is not waited for either.
  if (typeof outcome === "string") reader.cancel().catch(() => {});
  return outcome;
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer> | UnreadBody> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      length += piece.value.length;
      if (length > MAX_BODY_BYTES) return "payload_too_large";
      if (chunks.length >= MAX_PIECES) return "invalid_request";
      chunks.push(piece.value);
    }
  } catch {
    return "invalid_request";
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
