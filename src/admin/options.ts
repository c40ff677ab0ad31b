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
