/** An issuer of our own making: real keys, a real key set on a real port. */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { JWK, JWTHeaderParameters, JWTPayload } from "jose";

/** A key of the issuer. */
export interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

/** A new key. */
export async function createKey(kid: string, alg: string): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...await exportJWK(publicKey), kid, alg, use: "sig" };
  // jose names the type of Node.js, which knows more usages than the platform's.
  return { kid, alg, privateKey: privateKey as CryptoKey, jwk };
}

/** An issuer that serves its keys. */
export interface IssuerServer extends AsyncDisposable {
  /** Its `iss`, an origin. */
  readonly issuer: string;
  readonly jwks: string;
  /** Keys that are served; tests change the list. */
  keys: readonly IssuerKey[];
  /** Answers in the place of the key set, when set. */
  respond: ((request: Request) => Response | Promise<Response>) | null;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** Signs a payload with the first key; `header` is laid over the usual one. */
  sign(payload: JWTPayload, header?: Partial<JWTHeaderParameters>): Promise<string>;
}

/** Starts an issuer on a free port. */
export async function startIssuer(alg = "ES256"): Promise<IssuerServer> {
  const asked: string[] = [];
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    if (issuer.respond !== null) return issuer.respond(request);
    if (pathname === "/jwks") return Response.json({ keys: issuer.keys.map(({ jwk }) => jwk) });
    if (pathname === "/.well-known/openid-configuration") {
      return Response.json({ issuer: issuer.issuer, jwks_uri: issuer.jwks });
    }
    return new Response(null, { status: 404 });
  });
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const issuer: IssuerServer = {
    issuer: origin,
    jwks: `${origin}/jwks`,
    keys: [await createKey("key-1", alg)],
    respond: null,
    asked,
    sign(payload, header = {}) {
      const [key] = issuer.keys;
      if (key === undefined) throw new TypeError("no key");
      return new SignJWT(payload)
        .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "at+jwt", ...header })
        .sign(key.privateKey);
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return issuer;
}

/** Signs any bytes with any header, as no library would (compact JWS). */
export async function signRaw(
  key: IssuerKey,
  header: string,
  payload: string,
): Promise<string> {
  const input = `${encode(header)}.${encode(payload)}`;
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    key.privateKey,
    new TextEncoder().encode(input),
  );
  return `${input}.${encodeBytes(new Uint8Array(signature))}`;
}

/** Base64url of UTF-8 text. */
export function encode(text: string): string {
  return encodeBytes(new TextEncoder().encode(text));
}

function encodeBytes(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
