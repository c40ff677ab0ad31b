/**
 * The way from a refusal to whoever gives out tokens (RFC 9728 §5.1).
 *
 * @module
 */

/** Where the metadata of a resource is; the path of the resource follows (§3.1). */
export const RESOURCE_METADATA = "/.well-known/oauth-protected-resource";

/** Longer paths get the document of the whole origin: a header is no place for them. */
const MAX_PATH = 256;

/** The address that a challenge names for a resource. */
export function resourceMetadataUrl(origin: string, path: string): string {
  return origin + RESOURCE_METADATA + (path === "/" || path.length > MAX_PATH ? "" : path);
}
