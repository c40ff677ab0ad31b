/**
 * Public origins: more than one where one gateway stands in front of several hosts.
 *
 * @module
 */
import { hostOf } from "./authority.ts";

/** The origin that a browser is on which asked for an authority. */
export type OriginOf = (authority: string) => string;

/**
 * Prepares {@link OriginOf}: the configured origin of that host, whatever port
 * something in front has made of it; for another known host the one of its name, on
 * the port of the first. What listens on another port of that name is somebody else.
 */
export function createOriginOf(origins: readonly [string, ...string[]]): OriginOf {
  const byHost = new Map(origins.map((origin) => [new URL(origin).hostname, origin]));
  const { protocol: scheme, port } = new URL(origins[0]);
  const ending = port === "" ? "" : `:${port}`;
  return function originOf(authority) {
    const host = hostOf(authority);
    return byHost.get(host) ?? `${scheme}//${host}${ending}`;
  };
}
