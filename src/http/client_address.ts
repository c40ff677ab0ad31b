/**
 * Who is at the other end of a connection, when there may be proxies between.
 *
 * @module
 */
import ipaddr from "ipaddr.js";
import QuickLRU from "quick-lru";
import { trimOws } from "../base/ows.ts";
import type { HeaderReader } from "./headers.ts";

/** What is known of the client of one request. */
export interface ClientInfo {
  /** The nearest address that is not one of the trusted proxies. */
  readonly address: string;
  /** The peer of the connection itself. */
  readonly peerAddress: string;
  /** The way from the client to here, as far as it is believed: addresses, the nearest last. */
  readonly hops: readonly string[];
  /** Whether the request came in through a trusted proxy, so its forwarding headers count. */
  readonly viaTrustedProxy: boolean;
}

/** Tells the client of a request. `remoteAddress` is the peer of the connection. */
export type ClientResolver = (headers: HeaderReader, remoteAddress: string) => ClientInfo;

/** Whether an address is in a list of addresses and CIDR blocks; what is none is not. */
export function createAddressList(list: readonly string[]): (address: string) => boolean {
  const blocks = list.map((block) =>
    block.includes("/") ? ipaddr.parseCIDR(block) : wholeAddress(block)
  );
  const known = new QuickLRU<string, boolean>({ maxSize: 1_000 });

  return function isListed(address) {
    const remembered = known.get(address);
    if (remembered !== undefined) return remembered;
    let listed = false;
    if (ipaddr.isValid(address)) {
      const parsed = ipaddr.process(address);
      listed = blocks.some(([network, bits]) =>
        network.kind() === parsed.kind() && parsed.match(network, bits)
      );
    }
    known.set(address, listed);
    return listed;
  };
}

/** Networks in which proxies stand, and no clients of a public site. */
const INNER = new Set(["private", "loopback", "linkLocal", "uniqueLocal", "carrierGradeNat"]);

/**
 * Prepares the resolver with the CIDR list `trustedProxies`. `onUntrusted` hears, once,
 * of a peer inside one's own network that forwards for others and is not trusted: all
 * of them would share its address, and be throttled together.
 */
export function createClientResolver(
  trustedProxies: readonly string[],
  onUntrusted: (peerAddress: string) => void = () => {},
): ClientResolver {
  let hasWarned = false;
  const isTrusted = createAddressList(trustedProxies);

  return function clientOf(headers, remoteAddress) {
    if (trustedProxies.length === 0 || !isTrusted(remoteAddress)) {
      if (!hasWarned && isForwarded(headers) && isInner(remoteAddress)) {
        hasWarned = true;
        onUntrusted(remoteAddress);
      }
      return {
        address: remoteAddress,
        peerAddress: remoteAddress,
        hops: [remoteAddress],
        viaTrustedProxy: false,
      };
    }
    // From the right: each hop wrote down the peer it saw. Whatever stands left
    // of the first untrusted address is hearsay.
    const told = headers.get("x-forwarded-for")?.split(",") ?? [];
    const hops = [remoteAddress];
    for (let index = told.length - 1; index >= 0; index--) {
      const hop = hostOf(trimOws(told[index] ?? ""));
      if (!ipaddr.isValid(hop)) break;
      hops.unshift(hop);
      if (!isTrusted(hop)) break;
    }
    const [address = remoteAddress] = hops;
    return { address, peerAddress: remoteAddress, hops, viaTrustedProxy: true };
  };
}

function isForwarded(headers: HeaderReader): boolean {
  return headers.get("x-forwarded-for") !== null || headers.get("forwarded") !== null;
}

function isInner(address: string): boolean {
  return ipaddr.isValid(address) && INNER.has(ipaddr.process(address).range());
}

function wholeAddress(address: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const parsed = ipaddr.parse(address);
  return [parsed, parsed.kind() === "ipv4" ? 32 : 128];
}

/** Some proxies write a port, or brackets, into `X-Forwarded-For`. */
function hostOf(hop: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(hop);
  if (bracketed?.[1] !== undefined) return bracketed[1];
  return /^\d+\.\d+\.\d+\.\d+:\d+$/.test(hop) ? hop.slice(0, hop.indexOf(":")) : hop;
}
