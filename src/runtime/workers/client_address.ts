/**
 * Who is at the other end of a request, as far as the platform says.
 *
 * @module
 */
import ipaddr from "ipaddr.js";

/** Nobody knows: no proxy is trusted, and all of them count as one address. */
const UNKNOWN = "0.0.0.0";

/**
 * The address of the client. Cloudflare writes `CF-Connecting-IP`, whatever a client
 * puts there, and gives each request `cf` with the data centre that it came in at,
 * which no client can send. A workerd of one's own has nobody who writes them: there
 * only a header is believed that the operator names, and that something in front writes.
 */
export function clientAddress(
  request: Request & { readonly cf?: unknown },
  header: string | undefined,
): string {
  const told = request.headers.get(header || "cf-connecting-ip");
  if (told === null || !(header || isOfCloudflare(request))) return UNKNOWN;
  return ipaddr.isValid(told) ? told : UNKNOWN;
}

function isOfCloudflare({ cf }: { readonly cf?: unknown }): boolean {
  return typeof cf === "object" && cf !== null && "colo" in cf;
}
