/**
 * A real HAProxy in front of Postern, with rules of its own.
 *
 * @module
 */
import { type Peer, startPeer } from "./peer.ts";

/** Starts HAProxy before `targetPort`; `rules` stand in its frontend, one a line. */
export function startHaproxy(targetPort: number, rules: readonly string[] = []): Promise<Peer> {
  return startPeer("haproxy", ({ port, folder }) => ({
    command: "/usr/sbin/haproxy",
    args: ["-db", "-f", `${folder}/haproxy.cfg`],
    files: {
      "haproxy.cfg": `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port}
${rules.map((rule) => `  ${rule}\n`).join("")}  default_backend out
backend out
  server postern 127.0.0.1:${targetPort}
`,
    },
  }));
}
