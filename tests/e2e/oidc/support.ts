/** A gateway in front of a backend, with a real provider to sign in at. */
import { createBrowserless } from "../../support/browserless.ts";
import type { Browserless, Visit } from "../../support/browserless.ts";
import { startGateway } from "../../support/gateway.ts";
import type { TestGateway, TestGatewayOptions } from "../../support/gateway.ts";
import { startOidcProvider } from "../../support/oidc_provider.ts";
import type { OidcProviderSettings, TestOidcProvider } from "../../support/oidc_provider.ts";
import { freePort } from "../../support/ports.ts";
import { startUpstream } from "../../support/upstream.ts";
import type { RecordingUpstream } from "../../support/upstream.ts";

export const SECRET = "a secret of the tests, not a real one";

export const PEOPLE = {
  ada: { email: "ada@example.com", email_verified: true, name: "Ada", groups: ["eng"] },
  eve: { email: "eve@evil.test", email_verified: true, name: "Eve", groups: [] },
};

export interface OidcHouse {
  readonly gateway: TestGateway;
  readonly idp: TestOidcProvider;
  readonly app: RecordingUpstream;
  stop(): Promise<void>;
}

/** Starts all three. `provider` changes the settings of `providers.work`. */
export async function startHouse(options: {
  readonly provider?: Readonly<Record<string, unknown>>;
  readonly client?: Readonly<Record<string, unknown>>;
  readonly idp?: Omit<OidcProviderSettings, "clients">;
  readonly gateway?: TestGatewayOptions;
} = {}): Promise<OidcHouse> {
  const port = options.gateway?.port ?? freePort();
  const origin = `http://localhost:${port}`;
  const idp = await startOidcProvider({
    people: PEOPLE,
    ...options.idp,
    clients: [{
      client_id: "postern",
      client_secret: SECRET,
      redirect_uris: [`${origin}/auth/oidc/work/callback`],
      post_logout_redirect_uris: [`${origin}/auth/oidc/signed-out`],
      backchannel_logout_uri: `${origin}/auth/oidc/work/backchannel-logout`,
      backchannel_logout_session_required: true,
      grant_types: ["authorization_code", "refresh_token"],
      ...options.client,
    }],
  });
  const app = startUpstream();
  const gateway = await startGateway({
    ...options.gateway,
    port,
    upstream: app.url,
    secrets: () => SECRET,
    config: {
      identity: undefined,
      providers: {
        work: {
          issuer: idp.issuer,
          clientId: "postern",
          clientSecret: { env: "WORK_SECRET" },
          label: "Example Work",
          ...options.provider,
        },
      },
      ...options.gateway?.config,
    },
  });
  return {
    gateway,
    idp,
    app,
    async stop() {
      await gateway.stop();
      await app.stop();
      await idp.stop();
    },
  };
}

/** Runs a test with a house of its own. */
export async function withHouse(
  options: Parameters<typeof startHouse>[0],
  body: (house: OidcHouse) => Promise<void>,
): Promise<void> {
  const house = await startHouse(options);
  try {
    await body(house);
  } finally {
    await house.stop();
  }
}

/** Goes to a page of the app and signs in on the way, where the provider asks for it. */
export async function visit(
  { gateway, idp }: OidcHouse,
  path: string,
  options: { readonly browser?: Browserless; readonly login?: string } = {},
): Promise<{ readonly browser: Browserless; readonly page: Visit }> {
  const { browser = createBrowserless(), login = "ada" } = options;
  let page = await browser.go(`${gateway.url}${path}`);
  if (page.url.startsWith(idp.issuer) && page.text.includes("<form")) {
    page = await browser.logIn(page, login);
  }
  return { browser, page };
}

/** The callback that a browser would go to, not gone to yet. */
export async function upToCallback(
  { gateway, idp }: OidcHouse,
  path: string,
  browser: Browserless = createBrowserless(),
  login = "ada",
): Promise<{ readonly browser: Browserless; readonly callback: string }> {
  const isBack = (url: string) => url.includes("/callback?");
  let visited = await browser.go(`${gateway.url}${path}`, isBack);
  if (visited.url.startsWith(idp.issuer)) visited = await browser.logIn(visited, login, isBack);
  return { browser, callback: visited.url };
}
