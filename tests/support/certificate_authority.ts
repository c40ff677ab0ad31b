/**
 * A certificate authority of a test's own, which a browser with its home folder trusts.
 *
 * @module
 */

/** The authority, and a certificate for `localhost` that it signed. */
export interface CertificateAuthority {
  /** `HOME` of browsers that trust it (NSS database in `.pki/nssdb`). */
  readonly home: string;
  readonly cert: string;
  readonly key: string;
  dispose(): Promise<void>;
}

/** Makes one, with openssl and `certutil` (Debian `libnss3-tools`). */
export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const home = await Deno.makeTempDir({ prefix: "postern-ca-" });
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const at = (name: string) => `${home}/${name}`;
  await run("openssl", [
    ...["req", "-x509", ...ec, "-days", "2", "-subj", "/CN=Postern test authority"],
    ...["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign"],
    ...["-keyout", at("ca-key.pem"), "-out", at("ca.pem")],
  ]);
  await run("openssl", [
    ...["req", "-x509", ...ec, "-days", "2", "-subj", "/CN=localhost"],
    ...["-CA", at("ca.pem"), "-CAkey", at("ca-key.pem")],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-addext", "subjectAltName=DNS:localhost,DNS:*.postern.test,IP:127.0.0.1"],
    ...["-keyout", at("key.pem"), "-out", at("cert.pem")],
  ]);
  const database = `sql:${home}/.pki/nssdb`;
  await Deno.mkdir(`${home}/.pki/nssdb`, { recursive: true });
  await run("certutil", ["-N", "-d", database, "--empty-password"]);
  await run("certutil", ["-A", "-d", database, "-n", "test", "-t", "C,,", "-i", at("ca.pem")]);
  return {
    home,
    cert: await Deno.readTextFile(at("cert.pem")),
    key: await Deno.readTextFile(at("key.pem")),
    dispose: () => Deno.remove(home, { recursive: true }).catch(() => {}),
  };
}

async function run(command: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
}
