/**
 * What is printed.
 *
 * @module
 */
import { VERSION } from "../../base/version.ts";
import type { GatewayConfig } from "../../config/config.ts";
import type { AuditEvent } from "../../telemetry/events.ts";
import { DEMO_TARGET } from "../../demo/upstream.ts";

/** That requests are taken, and where. */
export function listeningEvent(
  config: GatewayConfig,
  hostname: string,
  port: number,
  admin: string,
): AuditEvent {
  return {
    event: "listening",
    address: `${hostname}:${port}`,
    origin: config.origin,
    store: config.store.kind,
    admin,
    version: VERSION,
  };
}

export function devBanner(config: GatewayConfig): string {
  const { origin } = config;
  const login = `${origin}${config.paths.auth}/login`;
  const demo = Array.from(config.upstreams.values()).some((upstream) =>
    upstream.targets.includes(DEMO_TARGET)
  );
  const targets = Array.from(config.upstreams.values(), (upstream) => upstream.targets.join(", "));
  const lines = [
    "",
    `Postern is at ${origin}, in front of ${demo ? "the demo upstream" : targets.join(" and ")}.`,
  ];
  if (config.identity.kind === "demo") {
    lines.push(
      'Sign in as "demo" with the password "postern". Try:',
      "",
      `  curl ${origin}${demo ? "/public" : "/"}`,
      `  curl -c /tmp/postern.jar ${login} -d username=demo -d password=postern`,
      `  curl -b /tmp/postern.jar ${origin}${demo ? "/hello" : "/"}`,
    );
  }
  return [...lines, ""].join("\n");
}

/** A line for whoever runs the gateway; lost where nobody takes it. */
export function complain(line: string): void {
  try {
    // deno-lint-ignore no-console
    console.error(line);
  } catch {
    // A full disk, or a reader that is gone: no reason to end.
  }
}
