/**
 * A real Caddy in front of Postern.
 *
 * @module
 */
import { type Peer, startPeer } from "./peer.ts";

/** Starts Caddy with one plain HTTP site; `site` is what stands in its block. */
export function startCaddy(site: string): Promise<Peer> {
  return startPeer("caddy", ({ port, folder }) => ({
    command: "/usr/bin/caddy",
    args: ["run", "--adapter", "caddyfile", "--config", `${folder}/Caddyfile`],
    env: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    files: {
      Caddyfile: `{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
${site.replace(/^/gm, "  ")}
}
`,
    },
  }));
}
