/**
 * What the pages are made of.
 *
 * @module
 */
import type { BrowserParts } from "../session/sign_in_form.ts";
import type { PagesConfig } from "./options.ts";
import type { Page } from "./page.ts";
import type { PageProvider, SignInPage } from "./sign_in_page.ts";
import type { NameVisitor } from "./visitor.ts";

/** What the pages are put together from. */
export interface PagesParts extends BrowserParts {
  /** Prefix of Postern's own paths. */
  readonly prefix: string;
  readonly config: PagesConfig;
  /** Whether anybody signs in with a password. */
  readonly hasPassword: boolean;
  readonly providers: readonly PageProvider[];
}

/** What the pages share. */
export interface PageRooms {
  readonly parts: PagesParts;
  readonly page: Page;
  readonly signIn: SignInPage;
  readonly visitor: NameVisitor;
}
