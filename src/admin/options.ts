/**
 * Where the admin listener stands and who may ask it.
 *
 * @module
 */

/** Where it listens; `off`: nowhere. */
export type AdminListen =
  | { readonly kind: "off" }
  | { readonly kind: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** The admin listener's settings. */
export interface AdminOptions {
  readonly listen: AdminListen;
  /** Whether somebody wrote the address down; the default gives way where it is taken. */
  readonly isChosen: boolean;
}

/** Where the admin listener is, unless somebody says otherwise. */
export const DEFAULT_ADMIN = "127.0.0.1:8788";

/** How long stopping takes, in milliseconds. */
export interface StopOptions {
  /** Between the end of readiness and the end of new requests. */
  readonly delayMs: number;
  /** For requests under way. */
  readonly graceMs: number;
}

/** Reads `host:port`, `unix:path` or `off`; `null`: it is none of them. */
export function parseListen(text: string): AdminListen | null {
  if (text === "off") return { kind: "off" };
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    return path === "" ? null : { kind: "unix", path };
  }
  const [, hostname = "", digits = ""] = /^(\[[0-9a-f:.]+\]|[\w.-]+):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (hostname === "" || port < 1 || port > 65535) return null;
  return { kind: "tcp", hostname, port };
}

/** Whether a text is one that {@link parseListen} reads. */
export function isListen(text: string): boolean {
  return parseListen(text) !== null;
}

/** Whether only this machine can connect, so that no token is asked for. */
export function isLocal(listen: AdminListen): boolean {
  return listen.kind === "unix" ||
    (listen.kind === "tcp" && isLoopbackName(listen.hostname));
}

/** Whether a host name (without port, IPv6 with or without brackets) is this machine's own. */
export function isLoopbackName(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname === "[::1]" ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
