/**
 * A real nginx: as the proxy in front of Postern, or as the upstream behind it.
 *
 * @module
 */
import { type Peer, startPeer } from "./peer.ts";

/** A running nginx. */
export type Nginx = Peer;

/** What else stands in its configuration. */
export interface NginxOptions {
  /** The server speaks TLS; certificates are named in its block. */
  readonly tls?: boolean;
  /** Directives beside the server: `proxy_cache_path`, further servers. */
  readonly http?: (place: { readonly port: number; readonly folder: string }) => string;
}

/** Starts nginx with one server; `server` is what stands in its block, `listen` and port aside. */
export function startNginx(server: string, options: NginxOptions = {}): Promise<Nginx> {
  return startPeer("nginx", (place) => {
    const { port, folder } = place;
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ");
    return {
      command: "/usr/sbin/nginx",
      args: ["-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`],
      files: {
        "nginx.conf": `daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
worker_processes 1;
${Deno.uid() === 0 ? "user root;" : ""}
events {}
http {
  access_log off;
  ${paths}
  ${options.http?.(place) ?? ""}
  server {
    listen 127.0.0.1:${port}${options.tls === true ? " ssl" : ""};
    ${server}
  }
}
`,
      },
    };
  });
}
