/** Asks a gateway about a request in each dialect, byte for byte as the proxies do. */
import { rawExchange } from "../../support/raw_http.ts";
import type { RawAnswer } from "../../support/raw_http.ts";
import type { Dialect } from "../../../src/endpoints/verify/dialects.ts";

export const DIALECTS: readonly Dialect[] = ["forward-auth", "auth-request", "ext-authz"];

/** A request of a client. */
export interface ClientRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** `Name: value`, as they stand on the wire. */
  readonly headers: readonly string[];
}

/** Sends a request as it is. */
export function send(port: number, request: ClientRequest): Promise<RawAnswer> {
  const { method, target, host, headers } = request;
  return rawExchange(
    port,
    [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...headers, "Connection: close", "", ""]
      .join("\r\n"),
  );
}

/** Sends what a proxy sends to ask about a request, with further headers of its own. */
export function ask(
  port: number,
  dialect: Dialect,
  request: ClientRequest,
  more: readonly string[] = [],
): Promise<RawAnswer> {
  const { method, target, host } = request;
  const headers = [...request.headers, ...more];
  switch (dialect) {
    case "forward-auth":
      return send(port, {
        method: "GET",
        target: "/auth/verify/forward-auth",
        host: "postern",
        headers: [
          ...headers,
          `X-Forwarded-Method: ${method}`,
          "X-Forwarded-Proto: http",
          `X-Forwarded-Host: ${host}`,
          `X-Forwarded-Uri: ${target}`,
        ],
      });
    case "auth-request":
      return send(port, {
        method: "GET",
        target: "/auth/verify/auth-request",
        host: "postern",
        headers: [
          ...headers,
          `X-Original-Method: ${method}`,
          `X-Original-URL: http://${host}${target}`,
        ],
      });
    case "ext-authz":
      return send(port, { ...request, target: `/auth/verify/ext-authz${target}`, headers });
  }
}
