/**
 * A real lighttpd that answers every path with one CGI script: what it says is
 * what the script's environment held, as a backend of the nineties reads it.
 *
 * @module
 */
import { type Peer, startPeer } from "./peer.ts";

/** Starts it. Every answer is the environment of the CGI, one variable a line. */
export function startLighttpd(): Promise<Peer> {
  return startPeer("lighttpd", ({ port, folder }) => ({
    command: "/usr/sbin/lighttpd",
    args: ["-D", "-f", `${folder}/lighttpd.conf`],
    files: {
      "lighttpd.conf": `server.document-root = "${folder}"
server.bind = "127.0.0.1"
server.port = ${port}
server.modules = ("mod_alias", "mod_cgi")
alias.url = ("/" => "${folder}/environment.sh/")
cgi.assign = (".sh" => "/bin/sh")
cgi.execute-x-only = "disable"
`,
      "environment.sh":
        "printf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv | grep -E '^(HTTP_|REQUEST_|REMOTE_|PATH_INFO)'\n",
    },
  }));
}
