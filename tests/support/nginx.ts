/**
 * A real nginx: as the proxy in front of Postern, or as the upstream behind it.
 *
 * @module
 */
import { freePort } from "./ports.ts";

/** A running nginx. */
export interface Nginx {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts nginx with one server; `server` is what stands in its block, `listen` and port aside. */
export async function startNginx(
  server: string,
  options: { readonly tls?: boolean } = {},
): Promise<Nginx> {
  const port = freePort();
  const folder = await Deno.makeTempDir({ prefix: "postern-nginx-" });
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ");
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
worker_processes 1;
events {}
http {
  access_log off;
  ${paths}
  server {
    listen 127.0.0.1:${port}${options.tls === true ? " ssl" : ""};
    ${server}
  }
}
`,
  );
  const child = new Deno.Command("/usr/sbin/nginx", {
    args: ["-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  for (let tries = 0;; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      break;
    } catch {
      if (tries > 300) throw new Error(await Deno.readTextFile(`${folder}/error.log`));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return {
    port,
    async stop() {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}
