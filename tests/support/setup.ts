/**
 * Makes this machine ready for the tests: checks for the real programs that
 * they run against, and installs the missing Debian packages. Run it directly;
 * it exits 0 when everything is there, or 1 after printing the one command that helps.
 *
 * @module
 */

/** A Debian package that the tests cannot do without. */
export interface DebianPackage {
  readonly name: string;
  readonly reason: string;
  /** A file that is there exactly when the package is. */
  readonly proof: string;
  /** A service that Debian would start at boot from now on. */
  readonly service?: string;
}

/** Everything the tests run that does not come from npm. */
export const PACKAGES: readonly DebianPackage[] = [
  {
    name: "redis-server",
    reason: "the Lua scripts of the Upstash adapter run on a real Redis",
    proof: "/usr/bin/redis-server",
    service: "redis-server",
  },
  {
    name: "chromium",
    reason: "cookies, CSRF and pages are tested in a real browser",
    proof: "/usr/bin/chromium",
  },
  {
    name: "firefox-esr",
    reason: "knows no device-bound sessions, so the script binds them there",
    proof: "/usr/bin/firefox-esr",
  },
  {
    name: "libnss3-tools",
    reason: "Chromium binds sessions (DBSC) only where it trusts the certificate",
    proof: "/usr/bin/certutil",
  },
  {
    name: "python3-djangorestframework-simplejwt",
    reason: "a real Django stands behind Postern, and SimpleJWT is what Postern replaces",
    proof: "/usr/lib/python3/dist-packages/rest_framework_simplejwt/__init__.py",
  },
  {
    name: "python3-cryptography",
    reason: "without it (only recommended) python3-jwt cannot verify an ES256 assertion",
    proof: "/usr/lib/python3/dist-packages/cryptography/__init__.py",
  },
  {
    name: "gunicorn",
    reason: "serves that Django as in production, with several workers",
    proof: "/usr/bin/gunicorn",
  },
  {
    name: "nginx-light",
    reason: "Postern is tested behind and in front of another proxy, and compared with it",
    proof: "/usr/sbin/nginx",
    service: "nginx",
  },
  {
    name: "haproxy",
    reason: "path rules in front of Postern, and a contender of the benchmark",
    proof: "/usr/sbin/haproxy",
    service: "haproxy",
  },
  {
    name: "lighttpd",
    reason: "a CGI behind Postern folds header names harder than anybody else",
    proof: "/usr/sbin/lighttpd",
    service: "lighttpd",
  },
  {
    name: "caddy",
    reason: "forward-auth is tested with a real Caddy, and h2c comes from one",
    proof: "/usr/bin/caddy",
    service: "caddy",
  },
  {
    name: "apache2",
    reason: "serves mod_auth_openidc, an independent OpenID Connect relying party",
    proof: "/usr/sbin/apache2",
    service: "apache2",
  },
  {
    name: "libapache2-mod-auth-openidc",
    reason: "checks what an identity provider says by somebody else's reading of the standard",
    proof: "/usr/lib/apache2/modules/mod_auth_openidc.so",
  },
  {
    name: "prometheus",
    reason: "promtool reads the metrics and the alert rules",
    proof: "/usr/bin/promtool",
    service: "prometheus",
  },
  {
    name: "faketime",
    reason: "a gateway whose clock is set back while it runs",
    proof: "/usr/bin/faketime",
  },
  {
    name: "systemd",
    reason: "systemd-analyze verifies and scores the unit",
    proof: "/usr/bin/systemd-analyze",
  },
  { name: "wrk", reason: "load for the benchmarks", proof: "/usr/bin/wrk" },
  { name: "nghttp2-client", reason: "HTTP/2 load (h2load)", proof: "/usr/bin/h2load" },
  {
    name: "curl",
    reason: "an independent client, for the commands that the README shows",
    proof: "/usr/bin/curl",
  },
  {
    name: "openssl",
    reason: "certificates and keys that Postern did not make itself",
    proof: "/usr/bin/openssl",
  },
];

/**
 * Runs as root: `sh -c INSTALL install <policy-rc.d> <services> <package>…`.
 *
 * Debian starts a service as soon as it is installed. policy-rc.d (invoke-rc.d(8)) forbids
 * that meanwhile, and is only written where nobody has one; afterwards the services that
 * came with us are switched off for the next boot too.
 */
export const INSTALL = `
set -eu
policy=$1 services=$2
shift 2
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\\n# Written by the test set-up of Postern, for the time of one install.\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=300 update
apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
for service in $services; do
  # Some have no init script, only a unit of systemd; without either nothing starts them.
  update-rc.d "$service" disable || systemctl disable "$service" || true
done
`;

const POLICY = "/usr/sbin/policy-rc.d";

/** The packages whose proof is not there, in the order of the list. */
export async function missingPackages(
  exists: (path: string) => Promise<boolean>,
): Promise<readonly DebianPackage[]> {
  const found = await Promise.all(PACKAGES.map(({ proof }) => exists(proof)));
  return PACKAGES.filter((_, index) => !found[index]);
}

/** How this process can become root without asking anybody. */
export type Privilege = "root" | "sudo" | "none";

/** The program and arguments that install the packages, or `null` where that takes a person. */
export function installCommand(
  packages: readonly DebianPackage[],
  privilege: Privilege,
): readonly [string, ...string[]] | null {
  if (privilege === "none") return null;
  const services = packages.flatMap(({ service }) => service ?? []).join(" ");
  const names = packages.map(({ name }) => name);
  const script = ["sh", "-c", INSTALL, "install", POLICY, services, ...names] as const;
  return privilege === "root" ? script : ["sudo", "-n", ...script];
}

/** The one line that a person can paste to get the packages. */
export function commandForAPerson(packages: readonly DebianPackage[]): string {
  const names = packages.map(({ name }) => name).join(" ");
  return `sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends ${names}'`;
}

async function fileExists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function privilegeHere(): Promise<Privilege> {
  if (!await succeeds("apt-get", "--version")) return "none";
  if (Deno.uid() === 0) return "root";
  return await succeeds("sudo", "-n", "true") ? "sudo" : "none";
}

async function succeeds(program: string, ...args: string[]): Promise<boolean> {
  try {
    const command = new Deno.Command(program, { args, stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Tells what is going on; the tests' own report has standard output to itself. */
async function say(text: string): Promise<void> {
  await Deno.stderr.write(new TextEncoder().encode(`${text}\n`));
}

async function setUp(): Promise<number> {
  const missing = await missingPackages(fileExists);
  if (missing.length === 0) return 0;
  await say("The tests run against real programs. Missing here:");
  for (const { name, reason } of missing) await say(`  ${name}: ${reason}`);

  const command = installCommand(missing, await privilegeHere());
  if (command !== null) {
    const [program, ...args] = command;
    await say("Installing them.");
    // apt-get's report goes where ours goes.
    const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped" }).spawn();
    await child.stdout.pipeTo(Deno.stderr.writable, { preventClose: true });
    const { success } = await child.status;
    if (success && (await missingPackages(fileExists)).length === 0) return 0;
  }
  await say("To install them by hand:");
  await say(commandForAPerson(missing));
  return 1;
}

if (import.meta.main) Deno.exit(await setUp());
