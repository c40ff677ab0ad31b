/**
 * What `deno task dev` runs when there is no configuration.
 *
 * @module
 */
import { DEMO_TARGET } from "./upstream.ts";

/**
 * The demo configuration: the demo user, SQLite in `.postern/`, and either the
 * in-process demo upstream or the backend that is named.
 */
export function demoConfigFile(
  port: number,
  upstream: string | null,
): Readonly<Record<string, unknown>> {
  return {
    origin: `http://localhost:${port}`,
    pages: {
      name: "Postern demo",
      texts: {
        en: { hint: "User demo, password postern." },
        de: { hint: "Benutzer demo, Passwort postern." },
      },
    },
    identity: { kind: "demo" },
    store: { kind: "sqlite", path: ".postern/postern.db" },
    upstreams: {
      demo: { targets: [upstream ?? DEMO_TARGET], assertion: true },
    },
    routes: [
      ...(upstream !== null ? [] : [{ path: "/public/*", upstream: "demo", auth: "none" }]),
      { path: "/*", upstream: "demo", auth: "required", refresh: "transparent" },
    ],
  };
}
