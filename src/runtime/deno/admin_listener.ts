/**
 * The admin listener on a port or a Unix socket of its own.
 *
 * @module
 */
import { dirname } from "node:path";
import { createAdmin } from "../../admin/app.ts";
import { dashboard } from "../../admin/dashboard/dashboard.ts";
import { createGuard, type Guard, readAdminTokens } from "../../admin/guard.ts";
import { openApi } from "../../admin/openapi.ts";
import { type AdminListen, type AdminOptions, isLocal } from "../../admin/options.ts";
import type { AdminParts } from "../../admin/ports.ts";
import type { Environment } from "../../base/environment.ts";
import { ConfigError } from "../../config/problems.ts";
import { complain } from "./console.ts";

/** A listener that stands. */
export interface AdminListener {
  /** As it is written in the configuration. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Who may ask.
 *
 * @throws {ConfigError} when others could connect and no token is set.
 * @throws {AdminTokenError} when a token could be guessed.
 */
export async function adminGuard(listen: AdminListen, env: Environment): Promise<Guard> {
  const trustsPeers = isLocal(listen);
  const tokens = await readAdminTokens(env["POSTERN_ADMIN_TOKEN"]);
  if (listen.kind === "tcp" && !trustsPeers && tokens.length === 0) {
    throw new ConfigError([
      `admin.listen: "${
        addressOf(listen)
      }" can be reached by others; set POSTERN_ADMIN_TOKEN, or listen on 127.0.0.1 or a Unix socket`,
    ]);
  }
  return createGuard({ trustsPeers, tokens });
}

/**
 * Listens; `null` where it is switched off, and where another gateway of this machine has the
 * default address. A Unix socket can be used by its owner alone.
 *
 * @throws {ConfigError} when nothing can listen at an address that somebody chose.
 */
export function listenAdmin(
  { listen, isChosen }: AdminOptions,
  parts: AdminParts,
): AdminListener | null {
  if (listen.kind === "off") return null;
  const admin = createAdmin(parts, { extensions: [openApi, dashboard] });
  const waitUntil = (work: Promise<unknown>) => void work.catch(() => {});
  const address = addressOf(listen);
  try {
    if (listen.kind === "tcp") {
      const { port } = listen;
      const server = Deno.serve(
        { hostname: listen.hostname.replace(/^\[|\]$/g, ""), port, onListen() {} },
        (request, { remoteAddr }) =>
          admin.fetch(request, { remoteAddress: remoteAddr.hostname, waitUntil }),
      );
      return { address, close: () => server.shutdown() };
    }
    const { path } = listen;
    removeStale(path);
    // Bound where nobody else can look, and moved to its place when its mode is right.
    const folder = Deno.makeTempDirSync({ dir: dirname(path), prefix: ".postern-" });
    const first = `${folder}/socket`;
    const server = Deno.serve(
      { path: first, onListen() {} },
      (request) => admin.fetch(request, { remoteAddress: "unix", waitUntil }),
    );
    Deno.chmodSync(first, 0o600);
    const { ino } = Deno.lstatSync(first);
    Deno.renameSync(first, path);
    Deno.removeSync(folder);
    return {
      address,
      async close() {
        // Another process may have taken the place by now, as in a restart without a gap.
        removeStale(path, ino);
        await server.shutdown();
      },
    };
  } catch (error) {
    if (!isChosen && error instanceof Deno.errors.AddrInUse) {
      complain(
        `warning: no admin listener here, because ${address} is in use; choose another address in admin.listen or POSTERN_ADMIN`,
      );
      return null;
    }
    const reason = error instanceof Deno.errors.AddrInUse
      ? "is in use"
      : `can not be listened at (${error instanceof Error ? error.message : String(error)})`;
    throw new ConfigError([
      `admin.listen: "${address}" ${reason}; put another address there, or "off"`,
    ]);
  }
}

/** A socket whose process is gone is in the way of the next one. With `inode` only that one goes. */
function removeStale(path: string, inode?: number | null): void {
  try {
    const { isSocket, ino } = Deno.lstatSync(path);
    if (isSocket && (inode === undefined || ino === inode)) Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** As it is written in the configuration. */
export function addressOf(listen: AdminListen): string {
  switch (listen.kind) {
    case "off":
      return "off";
    case "unix":
      return `unix:${listen.path}`;
    case "tcp":
      return `${listen.hostname}:${listen.port}`;
  }
}
