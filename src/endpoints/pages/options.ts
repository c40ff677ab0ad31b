/**
 * What the pages are told.
 *
 * @module
 */
import type { Brand } from "./layout_html.ts";
import type { TextOverrides } from "./texts.ts";

/** How the pages look and speak. */
export interface PagesConfig {
  readonly brand: Brand;
  /** Lower-case tag; `null`: as the browser asks. */
  readonly language: string | null;
  readonly texts: TextOverrides;
}
