/**
 * Credentials that would cross a network in clear, and proxies that would be
 * everybody (guarantee 9). Each line names the setting and what to put there.
 *
 * @module
 */
import ipaddr from "ipaddr.js";
import type { ConfigFile } from "./schema/file.ts";

/** What would let others read or write what only Postern and a trusted proxy may. */
export function exposureProblems(file: ConfigFile): string[] {
  const problems: string[] = [];
  for (const { at, url, what } of backChannels(file)) {
    if (!crossesInClear(url)) continue;
    problems.push(
      `${at}: "${url}" would send ${what} over the network in clear; use https, or an address of this machine or its container network`,
    );
  }
  for (const family of ["ipv4", "ipv6"] as const) {
    if (coversHalf(file.verify?.trustedProxies ?? [], family)) {
      problems.push(
        `verify.trustedProxies: trusts everybody (${
          family === "ipv4" ? "IPv4" : "IPv6"
        }), so that any client could ask in the name of another; put the addresses of your own proxies there`,
      );
    }
    if (coversHalf(file.trustedProxies, family)) {
      problems.push(
        `trustedProxies: trusts everybody (${
          family === "ipv4" ? "IPv4" : "IPv6"
        }), so that any client could name the address that it is counted under; put the addresses of your own proxies there`,
      );
    }
  }
  return problems;
}

/** Whether what is sent there can be read on the way. */
export function crossesInClear(text: string): boolean {
  const url = URL.parse(text);
  if (url === null) return false;
  const { protocol, hostname } = url;
  if (protocol === "https:" || protocol === "unix:") return false;
  // One label is a name of this machine or of its container network.
  const isLocalName = !hostname.includes(".") && !hostname.startsWith("[");
  return !isLocalName && !hostname.endsWith(".localhost") && !isLoopbackHost(hostname);
}

/** Whether a host is this machine and nothing else. */
export function isLoopbackHost(hostname: string): boolean {
  if (hostname === "localhost") return true;
  const address = hostname.replace(/^\[|\]$/g, "");
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback";
}

function backChannels({ identity, tokens, upstreams }: ConfigFile) {
  const channels: { at: string; url: string; what: string }[] = [];
  if (identity?.kind === "upstream") {
    channels.push({ at: "identity.url", url: identity.url, what: "passwords" });
    if (identity.recheck !== undefined) {
      channels.push({ at: "identity.recheck.url", url: identity.recheck.url, what: "subjects" });
    }
  }
  const verifyUrl = tokens.legacy?.verifyUrl;
  if (verifyUrl !== undefined) {
    channels.push({ at: "tokens.legacy.verifyUrl", url: verifyUrl, what: "refresh tokens" });
  }
  for (const [name, { forwardToken, targets }] of Object.entries(upstreams)) {
    if (!forwardToken) continue;
    targets.forEach((url, index) =>
      channels.push({ at: `upstreams.${name}.targets[${index}]`, url, what: "forwarded tokens" })
    );
  }
  return channels;
}

/** What is everybody: of IPv6 only this part is given out (RFC 4291 §2.4, RFC 3587). */
const SPACE = {
  ipv4: { from: 0n, size: 1n << 32n, bits: 32 },
  ipv6: { from: 1n << 125n, size: 1n << 125n, bits: 128 },
} as const;

/** Whether blocks together, however they are cut, hold half of all addresses or more. */
function coversHalf(blocks: readonly string[], family: "ipv4" | "ipv6"): boolean {
  const { from, size, bits } = SPACE[family];
  const intervals = blocks.flatMap((block) => {
    const [address = "", length] = block.split("/");
    const parsed = ipaddr.parse(address);
    if (parsed.kind() !== family) return [];
    const value = parsed.toByteArray().reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    const width = 1n << BigInt(bits - Number(length ?? bits));
    const start = value - value % width;
    return [{ start: max(start, from), end: min(start + width, from + size) }];
  }).sort((one, other) => one.start < other.start ? -1 : 1);
  let covered = 0n;
  let reached = from;
  for (const { start, end } of intervals) {
    const next = max(start, reached);
    if (end <= next) continue;
    covered += end - next;
    reached = end;
  }
  return covered * 2n >= size;
}

function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
