/**
 * Who is at the other end of a request, as Cloudflare knows it.
 *
 * @module
 */

/**
 * The client's address. On Cloudflare the header is written by the platform, whatever
 * a client puts there, and each request carries `cf` with the data centre that it came
 * in at, which no client can send. Where that is missing (workerd on one's own machine)
 * the header is the client's word.
 */
export function clientAddress(request: Request & { readonly cf?: unknown }): string {
  const { cf } = request;
  const isCloudflare = typeof cf === "object" && cf !== null && "colo" in cf;
  return (isCloudflare ? request.headers.get("cf-connecting-ip") : null) ?? "0.0.0.0";
}
