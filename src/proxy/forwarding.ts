/**
 * Forwarding headers: who asked, how, for which host (RFC 7239 and its
 * `X-Forwarded-*` forerunners).
 *
 * @module
 */
import type { ClientInfo } from "../http/client_address.ts";
import type { HeaderReader } from "../http/headers.ts";
import type { RequestTrace } from "../http/trace.ts";

/**
 * The forwarding headers of a request. Incoming ones are continued only when
 * the request came through a trusted proxy; otherwise they start here.
 */
export function forwardingHeaders(
  { headers, authority, around }: {
    readonly headers: HeaderReader;
    /** As it was read: what a proxy in front says of it has been weighed. */
    readonly authority: string;
    readonly around: { readonly client: ClientInfo; readonly trace: RequestTrace };
  },
  ownProto: string,
): [string, string][] {
  const { client, trace } = around;
  let proto = ownProto;
  if (client.viaTrustedProxy) {
    const incomingProto = headers.get("x-forwarded-proto");
    if (incomingProto === "http" || incomingProto === "https") proto = incomingProto;
  }
  return [
    ["x-forwarded-for", client.hops.join(", ")],
    ["x-forwarded-proto", proto],
    ["x-forwarded-host", authority],
    ["forwarded", forwarded(client, authority, proto)],
    ["x-request-id", trace.requestId],
    ["traceparent", trace.traceparent],
  ];
}

/**
 * Made of the hops that are believed, never of an incoming `Forwarded`: proxies
 * that write `X-Forwarded-For` let a client's own `Forwarded` through.
 */
function forwarded({ hops }: ClientInfo, host: string, proto: string): string {
  const [first = "", ...others] = hops;
  let chain = `for=${node(first)}`;
  for (const hop of others) chain += `, for=${node(hop)}`;
  return `${chain};host=${quote(host)};proto=${proto}`;
}

/** RFC 7239 §6: an IPv6 address is bracketed and quoted. */
function node(address: string): string {
  return address.includes(":") ? `"[${address}]"` : address;
}

/** What an authority may hold beside the characters of a token is the colon of a port or of IPv6. */
function quote(authority: string): string {
  return authority.includes(":") ? `"${authority}"` : authority;
}
