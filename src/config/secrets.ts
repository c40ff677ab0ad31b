/**
 * Secrets that the file points to: in the environment, or in a file of their own
 * (as Docker and Kubernetes mount them).
 *
 * @module
 */
import type { Environment } from "../base/environment.ts";
import { ConfigError } from "./problems.ts";
import type { ConfigFile } from "./schema/file.ts";

/** Where a secret stands. */
export type SecretRef = { readonly env: string } | { readonly file: string };

/** The secret that a reference leads to. */
export type Secrets = (ref: SecretRef) => string;

/** Each setting that points to a secret, with its path. */
function secretRefs(file: ConfigFile): readonly (readonly [string, SecretRef])[] {
  const verify = file.verify?.secret;
  return [
    ...Object.entries(file.providers).flatMap(([name, { clientSecret }]) =>
      clientSecret === undefined ? [] : [[`providers.${name}.clientSecret`, clientSecret] as const]
    ),
    ...Object.entries(file.introspection.clients).map(([id, { secret }]) =>
      [`introspection.clients.${id}.secret`, secret] as const
    ),
    ...(verify === undefined ? [] : [["verify.secret", verify] as const]),
  ];
}

/**
 * Reads every secret that the configuration points to.
 *
 * @throws {ConfigError} naming the settings, never a value.
 */
export async function readSecrets(
  file: ConfigFile,
  { env, readTextFile }: {
    readonly env: Environment;
    /** Resolves with the file's text, or `null` when there is no such file. */
    readonly readTextFile: (path: string) => Promise<string | null>;
  },
): Promise<Secrets> {
  const known = new Map<string, string>();
  const problems: string[] = [];
  for (const [path, ref] of secretRefs(file)) {
    const text = "env" in ref ? env[ref.env] : await readTextFile(ref.file);
    // A file ends with a line break that is no part of the secret.
    const secret = text?.replace(/[\r\n]+$/, "") ?? "";
    if (secret === "") {
      problems.push(
        "env" in ref
          ? `${path}: the environment variable ${ref.env} is not set`
          : `${path}: there is nothing in the file "${ref.file}"`,
      );
    }
    known.set(JSON.stringify(ref), secret);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return (ref) => known.get(JSON.stringify(ref)) ?? "";
}
