/**
 * A real Chromium: Debian's, driven by playwright-core.
 *
 * @module
 */
import { chromium } from "playwright-core";
import type { BrowserContext, Page } from "playwright-core";
import type { CertificateAuthority } from "./certificate_authority.ts";

export type { BrowserContext, Page } from "playwright-core";

/** What a browser is started with. */
export interface ChromiumOptions {
  /** Folder of the profile; a fresh one that goes away with the browser if absent. */
  readonly profile?: string;
  readonly javaScript?: boolean;
  readonly dark?: boolean;
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly locale?: string;
  /** A domain whose names all mean this machine. */
  readonly ownDomain?: string;
  /** Binds sessions to software keys (DBSC), for servers whose certificate this authority signed. */
  readonly boundSessions?: { readonly trusts: CertificateAuthority };
}

/** Either alone does nothing on Linux; without a quota a test need not last for hours. */
const BOUND_SESSIONS = [
  "--enable-features=DeviceBoundSessions:RefreshQuota/false," +
  "EnableBoundSessionCredentialsSoftwareKeysForManualTesting",
];

/** Starts a browser with a profile of its own: another device. */
export async function startChromium(options: ChromiumOptions = {}): Promise<BrowserContext> {
  const profile = options.profile ?? await Deno.makeTempDir({ prefix: "postern-chromium-" });
  const { boundSessions } = options;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    args: [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
      ...(options.ownDomain === undefined
        ? []
        : [`--host-resolver-rules=MAP *.${options.ownDomain} 127.0.0.1`]),
      ...(boundSessions === undefined ? [] : BOUND_SESSIONS),
    ],
    // Sessions are bound where the certificate is trusted, and nowhere else.
    ignoreHTTPSErrors: boundSessions === undefined,
    ...(boundSessions === undefined
      ? {}
      : { env: { ...Deno.env.toObject(), HOME: boundSessions.trusts.home } }),
    javaScriptEnabled: options.javaScript ?? true,
    colorScheme: options.dark === true ? "dark" : "light",
    viewport: options.viewport ?? { width: 1280, height: 800 },
    locale: options.locale ?? "en-GB",
  });
  if (options.profile === undefined) {
    const close = context.close.bind(context);
    context.close = async (reason) => {
      await close(reason);
      // Its last processes may still be writing.
      await Deno.remove(profile, { recursive: true }).catch(() => {});
    };
  }
  return context;
}

/** Fills in the sign-in page and sends it. */
export async function signInOn(page: Page, password = "postern"): Promise<void> {
  await page.getByLabel("User name").fill("demo");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

let certificate: Promise<{ cert: string; key: string }> | undefined;

/** A self-made certificate for localhost. */
export function localhostCertificate(): Promise<{ cert: string; key: string }> {
  return certificate ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "postern-tls-" });
    const { success, stderr } = await new Deno.Command("openssl", {
      args: [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        ...["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`],
      ],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const [cert, key] = await Promise.all([
      Deno.readTextFile(`${folder}/cert.pem`),
      Deno.readTextFile(`${folder}/key.pem`),
    ]);
    await Deno.remove(folder, { recursive: true });
    return { cert, key };
  })();
}
