/**
 * The JSON Schema of `postern.json`, apart from the schema itself: a Worker has
 * no use for it.
 *
 * @module
 */
import * as z from "../base/schema.ts";
import { configSchema } from "./schema/file.ts";

/** The JSON Schema (draft 2020-12) of `postern.json`, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return {
    title: "Postern configuration",
    ...z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" }),
  };
}
