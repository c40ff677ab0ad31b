/**
 * A real, certified OpenID provider: `oidc-provider`, in this process, with people
 * who sign in with any password.
 *
 * @module
 */
import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";
import { freePort } from "./ports.ts";

/** Somebody the provider knows. `sub` is what is typed as the login. */
export type Person = Readonly<Record<string, unknown>>;

/** What a provider is started with. */
export interface OidcProviderSettings {
  readonly port?: number;
  /** Of the issuer; `127.0.0.1` is another site than the gateway's `localhost`. */
  readonly host?: "localhost" | "127.0.0.1";
  readonly clients: readonly Readonly<Record<string, unknown>>[];
  /** By login name. Somebody who is not here has a `sub` only. */
  readonly people?: Readonly<Record<string, Person>>;
  /** Further settings of `oidc-provider`. */
  readonly configuration?: Readonly<Record<string, unknown>>;
}

/** A provider under test. */
export interface TestOidcProvider {
  readonly issuer: string;
  readonly port: number;
  /** How often each path was asked for. */
  readonly asked: Map<string, number>;
  /** People can be changed while it runs. */
  readonly people: Record<string, Person>;
  /** Forgets all grants, sessions and refresh tokens of a person. */
  disable(login: string): void;
  stop(): Promise<void>;
}

let signingKey: Promise<Record<string, unknown>> | undefined;

function rsaKey(): Promise<Record<string, unknown>> {
  return signingKey ??= (async () => {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    return { ...await exportJWK(privateKey), kid: "rsa-1", alg: "RS256", use: "sig" };
  })();
}

/** Starts a provider on 127.0.0.1; its issuer is on `localhost`. */
export async function startOidcProvider(settings: OidcProviderSettings): Promise<TestOidcProvider> {
  const port = settings.port ?? freePort();
  const issuer = `http://${settings.host ?? "localhost"}:${port}`;
  const people: Record<string, Person> = { ...settings.people };
  const disabled = new Set<string>();
  const asked = new Map<string, number>();
  const provider = new Provider(issuer, {
    clients: settings.clients,
    jwks: { keys: [await rsaKey()] },
    cookies: { keys: ["a key of the tests, which is no secret"] },
    acrValues: ["urn:example:mfa"],
    claims: {
      openid: ["sub"],
      email: ["email", "email_verified"],
      profile: ["name", "preferred_username", "groups", "_claim_names"],
      acr: null,
      auth_time: null,
      iss: null,
      sid: null,
    },
    scopes: ["openid", "offline_access", "email", "profile"],
    features: {
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
    },
    ttl: { Session: 86_400, Grant: 86_400, Interaction: 600, AccessToken: 600, IdToken: 600 },
    rotateRefreshToken: true,
    issueRefreshToken: (_: unknown, client: { grantTypeAllowed(type: string): boolean }) =>
      client.grantTypeAllowed("refresh_token"),
    findAccount: (_: unknown, sub: string) =>
      disabled.has(sub) ? undefined : {
        accountId: sub,
        claims: () => ({ sub, ...people[sub] }),
      },
    // Nobody is asked for consent: the clients are the house's own.
    async loadExistingGrant(ctx: Context) {
      const { oidc } = ctx;
      const known = oidc.session.grantIdFor(oidc.client.clientId);
      if (known !== undefined) {
        const grant = await oidc.provider.Grant.find(known);
        if (grant !== undefined) return grant;
      }
      const grant = new oidc.provider.Grant({
        clientId: oidc.client.clientId,
        accountId: oidc.session.accountId,
      });
      grant.addOIDCScope("openid email profile offline_access");
      await grant.save();
      return grant;
    },
    ...settings.configuration,
  });
  const handle = provider.callback();
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    asked.set(path, (asked.get(path) ?? 0) + 1);
    handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
  return {
    issuer,
    port,
    asked,
    people,
    disable: (login) => void disabled.add(login),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Grant {
  addOIDCScope(scope: string): void;
  save(): Promise<unknown>;
}

interface Context {
  readonly oidc: {
    readonly client: { readonly clientId: string };
    readonly session: {
      readonly accountId: string;
      grantIdFor(client: string): string | undefined;
    };
    readonly provider: {
      readonly Grant: {
        new (parts: { clientId: string; accountId: string }): Grant;
        find(id: string): Promise<Grant | undefined>;
      };
    };
  };
}
