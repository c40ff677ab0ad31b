/**
 * An OpenID provider that can lie in every way that the official relying-party
 * plans try, and in some more.
 *
 * @module
 */
import { CompactSign, exportJWK, generateKeyPair } from "jose";
import type { JWK } from "jose";

type Json = Record<string, unknown>;

/** A key that the provider signs with. */
export interface EvilKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>["privateKey"];
  readonly jwk: JWK;
}

/** What is spoiled; what is absent is as it should be. */
export interface Spoiling {
  discovery?(document: Json): Json;
  /** Sees what a browser brought to the authorization endpoint. */
  question?(query: URLSearchParams): void;
  /** Parameters that come back to the callback. */
  authorization?(answer: Record<string, string>): Record<string, string>;
  header?(header: Json): Json;
  claims?(claims: Json): Json;
  /** The whole ID token, signed or not. */
  idToken?(claims: Json, header: Json): string | Promise<string>;
  jwks?(keys: JWK[]): JWK[];
  /** The answer of the token endpoint. */
  token?(body: Json): Json | Response;
  userInfo?(claims: Json): Json | Promise<Response>;
  /** How the answer travels. */
  formPost?: boolean;
}

/** A running one. */
export interface EvilProvider {
  readonly issuer: string;
  readonly key: EvilKey;
  spoiling: Spoiling;
  /** Replaces the signing key, as providers do. */
  rotate(): Promise<void>;
  /** Signs anything. */
  sign(claims: Json, header?: Json): Promise<string>;
  /** Every request that came: path, authorization header, body. */
  readonly asked: {
    readonly path: string;
    readonly authorization: string | null;
    readonly body: URLSearchParams;
  }[];
  stop(): Promise<void>;
}

/** One key pair for each name serves all tests of a process: RSA keys are slow to make. */
const keys = new Map<string, Promise<EvilKey>>();

/** A key by name, made when it is first asked for. */
export function evilKey(kid: string, alg = "RS256"): Promise<EvilKey> {
  const name = `${alg} ${kid}`;
  const known = keys.get(name) ?? (async () => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...await exportJWK(publicKey), kid, alg, use: "sig" };
    return { alg, kid, privateKey, jwk };
  })();
  keys.set(name, known);
  return known;
}

/** Signs claims with a key. */
export async function signWith(key: EvilKey, claims: Json, header: Json = {}): Promise<string> {
  const { alg, kid, privateKey } = key;
  return await new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg, kid, ...header })
    .sign(privateKey);
}

/** Starts one on 127.0.0.1. Everybody who comes is `ada`, and at once sent back. */
export async function startEvilProvider(spoiling: Spoiling = {}): Promise<EvilProvider> {
  let key = await evilKey("one");
  let rotations = 1;
  const asked: EvilProvider["asked"] = [];
  const codes = new Map<string, { readonly nonce: string; readonly client: string }>();
  const self: EvilProvider = {
    issuer: "",
    get key() {
      return key;
    },
    spoiling,
    async rotate() {
      rotations += 1;
      key = await evilKey(`rotated ${rotations}`);
    },
    sign: (claims, header) => signWith(key, claims, header),
    asked,
    stop: () => server.shutdown(),
  };

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    const body = new URLSearchParams(request.method === "POST" ? await request.text() : "");
    const path = url.pathname;
    asked.push({ path, authorization: request.headers.get("authorization"), body });
    const { spoiling: spoil } = self;
    switch (path) {
      case "/.well-known/openid-configuration":
        return Response.json((spoil.discovery ?? same)(discoveryOf(self.issuer)));
      case "/jwks":
        return Response.json({ keys: (spoil.jwks ?? same)([key.jwk]) });
      case "/authorize":
        return authorize(url.searchParams);
      case "/token":
        return await token(body, spoil);
      case "/userinfo": {
        const claims = { sub: "ada", email: "ada@example.com", email_verified: true };
        const answer = await (spoil.userInfo ?? same)(claims);
        return answer instanceof Response ? answer : Response.json(answer);
      }
      default:
        return new Response(null, { status: 404 });
    }
  });
  Object.assign(self, { issuer: `http://localhost:${server.addr.port}` });

  function authorize(query: URLSearchParams): Response {
    self.spoiling.question?.(query);
    const code = crypto.randomUUID();
    codes.set(code, {
      nonce: query.get("nonce") ?? "",
      client: query.get("client_id") ?? "",
    });
    const answer = (self.spoiling.authorization ?? same)({
      code,
      state: query.get("state") ?? "",
      iss: self.issuer,
    });
    const redirect = query.get("redirect_uri") ?? "";
    if (self.spoiling.formPost === true) {
      const fields = Object.entries(answer)
        .map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`).join("");
      return new Response(`<form method="post" action="${redirect}">${fields}</form>`, {
        headers: { "content-type": "text/html" },
      });
    }
    return Response.redirect(`${redirect}?${new URLSearchParams(answer)}`, 303);
  }

  async function token(body: URLSearchParams, spoil: Spoiling): Promise<Response> {
    const code = codes.get(body.get("code") ?? "");
    const isRefresh = body.get("grant_type") === "refresh_token";
    if (code === undefined && !isRefresh) {
      return Response.json({ error: "invalid_grant" }, { status: 400 });
    }
    const now = Math.floor(Date.now() / 1000);
    const accessToken = "an access token";
    const claims = (spoil.claims ?? same)({
      iss: self.issuer,
      sub: "ada",
      aud: code?.client ?? "postern",
      iat: now,
      exp: now + 300,
      ...(code === undefined ? {} : { nonce: code.nonce }),
    });
    const header = (spoil.header ?? same)({ alg: key.alg, kid: key.kid });
    const idToken = spoil.idToken === undefined
      ? await signWith(key, claims, header)
      : await spoil.idToken(claims, header);
    const answer = (spoil.token ?? same)({
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: 300,
      refresh_token: "a refresh token",
      scope: "openid email profile",
      id_token: idToken,
    });
    return answer instanceof Response ? answer : Response.json(answer);
  }

  return self;
}

function same<Value>(value: Value): Value {
  return value;
}

function discoveryOf(issuer: string): Json {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    end_session_endpoint: `${issuer}/end-session`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ["code"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256", "ES256", "none", "HS256"],
    authorization_response_iss_parameter_supported: true,
  };
}
