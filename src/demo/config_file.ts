/**
 * What `deno task dev` runs when there is no configuration.
 *
 * @module
 */
import { DEFAULT_PORT } from "../base/environment.ts";
import type { Environment } from "../base/environment.ts";
import { DEMO_TARGET } from "./upstream.ts";

/**
 * The demo configuration: the demo user, SQLite in `.postern/`, and either the
 * in-process demo upstream or the backend that `POSTERN_UPSTREAM` names.
 */
export function demoConfigFile(env: Environment): Readonly<Record<string, unknown>> {
  const upstream = env["POSTERN_UPSTREAM"];
  const fronting = upstream !== undefined && upstream !== "";
  return {
    origin: `http://localhost:${env["POSTERN_PORT"] || DEFAULT_PORT}`,
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
      demo: { targets: [fronting ? upstream : DEMO_TARGET], assertion: true },
    },
    routes: [
      ...(fronting ? [] : [{ path: "/public/*", upstream: "demo", auth: "none" }]),
      { path: "/*", upstream: "demo", auth: "required", refresh: "transparent" },
    ],
  };
}
