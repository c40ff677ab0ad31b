/**
 * The admin API on Workers, where there is one listener: under `<paths.auth>/admin`, and only for
 * who has a token.
 *
 * @module
 */
import { createAdmin } from "../../admin/app.ts";
import { createGuard, readAdminTokens } from "../../admin/guard.ts";
import type { GatewayConfig } from "../../config/config.ts";
import { configOf, parseJson } from "../../config/load.ts";
import type { LoadOptions } from "../../config/load.ts";
import { redacted } from "../../config/redact.ts";
import { createAdminParts } from "../../gateway/admin.ts";
import type { Core } from "../../gateway/core.ts";
import type { Gateway } from "../../gateway/gateway.ts";
import { startProblems } from "../../gateway/start_problem.ts";

/**
 * The gateway with the admin API in front of it.
 *
 * @throws {AdminTokenError} when a token could be guessed.
 */
export async function withAdminApi(
  core: Core,
  gateway: Gateway,
  options: {
    readonly tokens: string;
    readonly config: GatewayConfig;
    /** As it is written. */
    readonly value: unknown;
    readonly loading: LoadOptions;
  },
): Promise<Gateway> {
  const { config, value } = options;
  const sinceMs = core.clock();
  const prefix = `${config.paths.auth}/admin`;
  const admin = createAdmin(
    createAdminParts(core, () => gateway, {
      guard: createGuard({ trustsPeers: false, tokens: await readAdminTokens(options.tokens) }),
      runtime: "workers",
      configuration: {
        redacted: () => redacted(value),
        hash: () => hash,
        sinceMs: () => sinceMs,
        check: (text) => problemsOf(text, options.loading),
        reload: null,
      },
      drain: null,
    }),
    { prefix },
  );
  const bytes = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(JSON.stringify(value)),
  );
  const hash = new Uint8Array(bytes).toHex();
  return {
    ...gateway,
    fetch: (request, connection) =>
      new URL(request.url).pathname.startsWith(`${prefix}/`)
        ? admin.fetch(request, connection)
        : gateway.fetch(request, connection),
  };
}

async function problemsOf(text: string, loading: LoadOptions): Promise<readonly string[]> {
  try {
    await configOf(parseJson(text, "postern.json"), loading);
    return [];
  } catch (error) {
    const problems = startProblems(error);
    if (problems === null) throw error;
    return problems;
  }
}
