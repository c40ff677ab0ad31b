/**
 * Certificates of a test's own, made by `openssl`.
 *
 * @module
 */

/** A self-signed certificate and its key, as PEM and in files. */
export interface SelfSigned {
  readonly cert: string;
  readonly certPath: string;
  readonly keyPath: string;
  remove(): Promise<void>;
}

/** Makes a certificate for one host name. */
export async function selfSigned(host: string): Promise<SelfSigned> {
  const folder = await Deno.makeTempDir({ prefix: "postern-tls-" });
  const [certPath, keyPath] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", keyPath, "-out", certPath, "-days", "2", "-subj", `/CN=${host}`],
      ...["-addext", `subjectAltName=DNS:${host}`],
      ...["-addext", "basicConstraints=critical,CA:TRUE"],
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return {
    cert: await Deno.readTextFile(certPath),
    certPath,
    keyPath,
    remove: () => Deno.remove(folder, { recursive: true }),
  };
}
