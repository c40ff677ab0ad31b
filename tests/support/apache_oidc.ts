/**
 * Debian's Apache with mod_auth_openidc: a certified relying party that is not ours, for a
 * second opinion.
 *
 * @module
 */
import { freePort } from "./ports.ts";
import { until } from "./until.ts";

const MODULES = "/usr/lib/apache2/modules";

/** A running Apache whose every page is protected. */
export interface ApacheRelyingParty {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts one in front of a provider; who is signed in gets a page that says "hello". */
export async function startApacheRelyingParty(
  { issuer, clientId, clientSecret }: {
    readonly issuer: string;
    readonly clientId: string;
    readonly clientSecret: string;
  },
): Promise<ApacheRelyingParty> {
  const port = freePort();
  const url = `http://localhost:${port}`;
  const folder = await Deno.makeTempDir({ prefix: "postern-apache-" });
  await Deno.mkdir(`${folder}/www`);
  await Deno.writeTextFile(`${folder}/www/hello`, "hello");
  // Apache leaves root behind where it has it.
  await Deno.chmod(folder, 0o755);
  const load = ["mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc"]
    .map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join("\n");
  await Deno.writeTextFile(
    `${folder}/httpd.conf`,
    `${load}
ServerRoot ${folder}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
ErrorLog ${folder}/error.log
Mutex pthread
DocumentRoot ${folder}/www
User www-data
Group www-data
StartServers 1
OIDCProviderMetadataURL ${issuer}/.well-known/openid-configuration
OIDCClientID ${clientId}
OIDCClientSecret "${clientSecret}"
OIDCRedirectURI ${url}/callback
OIDCCryptoPassphrase "a passphrase of the tests"
OIDCPKCEMethod S256
OIDCScope "openid email profile"
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
`,
  );
  const child = new Deno.Command("/usr/sbin/apache2", {
    args: ["-f", `${folder}/httpd.conf`, "-D", "FOREGROUND"],
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until(async () => {
    try {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      connection.close();
      return true;
    } catch {
      return false;
    }
  }, "Apache listens");
  return {
    url,
    async stop() {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}
