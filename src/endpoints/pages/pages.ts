/**
 * The pages that people see: sign-in, and their devices. Both work without a
 * script; the script for front ends is served from here too.
 *
 * @module
 */
import { Hono } from "hono";
import type { GatewayEnv } from "../../http/endpoint.ts";
import { accountPages } from "./account.ts";
import { bindingPages } from "./binding.ts";
import { clientScript } from "./client_script.ts";
import { createPage } from "./page.ts";
import type { PageRooms, PagesParts } from "./parts.ts";
import { renewPages } from "./renew.ts";
import { signInPages } from "./sign_in.ts";
import { createSignInPage } from "./sign_in_page.ts";
import { createVisitor } from "./visitor.ts";

/** The pages under `/auth`. Mount them before the cookie transport, whose paths they share. */
export function pages(parts: PagesParts): Hono<GatewayEnv> {
  const { origin, prefix, config, hasPassword, providers } = parts;
  const page = createPage({
    config,
    images: [config.brand.logo, ...providers.map(({ icon }) => icon)],
    secure: origin.startsWith("https:"),
  });
  const brandName = config.brand.name;
  const rooms: PageRooms = {
    parts,
    page,
    signIn: createSignInPage({ page, prefix, brandName, hasPassword, providers }),
    visitor: createVisitor(parts),
  };
  const app = new Hono<GatewayEnv>();
  app.route("/", signInPages(rooms));
  app.route("/", accountPages(rooms));
  if (parts.device !== null) {
    app.route("/", renewPages(rooms));
    app.route("/", bindingPages(rooms));
  }
  app.route("/", clientScript());
  return app;
}
