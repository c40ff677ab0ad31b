/**
 * `pages`: how the pages look and speak.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { LANGUAGES, TEXT_NAMES } from "../../endpoints/pages/texts.ts";

export const pages = z.prefault(
  z.strictObject({
    name: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(60))).check(
      z.describe("Of the app; the host if absent."),
    ),
    logo: z.exactOptional(
      z.string().check(
        z.regex(/^(\/(?!\/)[^\s\\;,]*|https:\/\/[^\s\\;,]+|data:image\/[\w.+-]+[;,]\S+)$/, {
          error: 'must be a path such as "/logo.svg", an https URL, or a data:image URL',
        }),
      ),
    ),
    color: z.prefault(
      z.string().check(
        z.regex(/^#[0-9a-fA-F]{6}$/, { error: 'must be a colour such as "#1f6f54"' }),
      ),
      "#1f6f54",
    ),
    language: z.exactOptional(
      z.pipe(
        z.string().check(z.regex(/^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$/, {
          error: 'must be a language tag such as "en" or "de-AT"',
        })),
        z.transform((tag) => tag.toLowerCase()),
      ),
    ).check(
      z.describe("One language for everybody; else the browser's, where there are texts for it."),
    ),
    texts: z.prefault(
      z.record(
        z.string().check(z.regex(/^[a-z]{2,3}(-[a-z0-9]{2,8})*$/, {
          error: 'must be a language tag in lower case, such as "fr"',
        })),
        z.partialRecord(z.enum(TEXT_NAMES), z.string().check(z.maxLength(300))),
      ),
      {},
    ).check(z.describe("Other words, or another language: texts by name.")),
  }).check(z.refine(({ language, texts }) => {
    return language === undefined || LANGUAGES.includes(language) || Object.hasOwn(texts, language);
  }, {
    path: ["language"],
    error: `there are texts for ${LANGUAGES.join(", ")}; add others in pages.texts`,
  })),
  {},
).check(z.describe("How the sign-in and account pages look and speak."));
