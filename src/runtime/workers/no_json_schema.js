/**
 * Stands in for zod's JSON Schema in the bundle of the Worker (`[alias]` in wrangler.toml): no
 * Worker prints one, and every schema would carry the means along.
 *
 * @module
 */
const absent = () => () => {
  throw new Error("there is no JSON Schema on Workers");
};

export const createToJSONSchemaMethod = absent;
export const createStandardJSONSchemaMethod = absent;
export const toJSONSchema = absent();
export const allProcessors = {};
export const [extractDefs, finalize, initializeContext, processSchema] = Array(4).fill(absent());
