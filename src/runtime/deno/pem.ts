/**
 * PEM files of upstreams, looked at before they are put in force: a broken certificate would else
 * show only when the first request fails.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { UpstreamPem } from "./undici_transport.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** One line for each thing that is wrong with the files of one upstream. */
export function pemProblems(name: string, { ca, cert, key }: UpstreamPem): string[] {
  const where = `upstreams.${name}.tls`;
  const problems: string[] = [];
  const authorities = ca === undefined ? null : certificatesOf(ca);
  if (authorities !== null && authorities.length === 0) {
    problems.push(`${where}.ca: holds no certificate that can be read`);
  }
  const [own] = cert === undefined ? [] : certificatesOf(cert);
  if (cert !== undefined && own === undefined) {
    problems.push(`${where}.cert: holds no certificate that can be read`);
  }
  const secret = key === undefined ? null : keyOf(key);
  if (key !== undefined && secret === null) {
    problems.push(`${where}.key: holds no private key that can be read without a passphrase`);
  }
  if (own !== undefined && secret !== null && !own.checkPrivateKey(secret)) {
    problems.push(`${where}.key: is not the key of the certificate in ${where}.cert`);
  }
  return problems;
}

function certificatesOf(pem: string): X509Certificate[] {
  try {
    return Array.from(pem.match(CERTIFICATE) ?? [], (each) => new X509Certificate(each));
  } catch {
    return [];
  }
}

/** The library's own message could quote the key. */
function keyOf(pem: string): ReturnType<typeof createPrivateKey> | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}
