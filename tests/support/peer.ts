/**
 * A program beside the gateway: its configuration in a folder of its own, on
 * a free port, gone with the test.
 *
 * @module
 */
import { freePort } from "./ports.ts";

/** A running program that listens on a port of 127.0.0.1. */
export interface Peer {
  readonly port: number;
  readonly url: string;
  /** Where its configuration and its logs are. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** What a peer is started with, once its port and its folder are known. */
export interface PeerPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files to write first, by name in the folder; those that end in `.sh` can be run. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Starts a program and waits until it takes connections. */
export async function startPeer(
  name: string,
  plan: (place: { readonly port: number; readonly folder: string }) => PeerPlan,
): Promise<Peer> {
  const port = freePort();
  const folder = await Deno.makeTempDir({ prefix: `postern-${name}-` });
  const { command, args, env = {}, files = {} } = plan({ port, folder });
  for (const [file, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${file}`, text, {
      mode: file.endsWith(".sh") ? 0o755 : 0o644,
    });
  }
  const said = `${folder}/peer.log`;
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec "$0" "$@" >"$PEER_LOG" 2>&1', command, ...args],
    env: { ...env, PEER_LOG: said },
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended = false;
  void child.status.then(() => ended = true);

  async function stop(): Promise<void> {
    if (!ended) child.kill("SIGTERM");
    const impatience = setTimeout(() => {
      if (!ended) child.kill("SIGKILL");
    }, 5_000);
    await child.status;
    clearTimeout(impatience);
    await Deno.remove(folder, { recursive: true });
  }

  for (const deadline = Date.now() + 30_000;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return { port, url: `http://127.0.0.1:${port}`, folder, stop };
    } catch {
      if (ended || Date.now() > deadline) {
        const text = await Deno.readTextFile(said);
        await stop();
        throw new Error(`${name} did not start: ${text.slice(-2_000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
