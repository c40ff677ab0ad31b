/**
 * `pages`: how the pages look and speak.
 *
 * @module
 */
import * as z from "zod";
import { LANGUAGES, TEXT_NAMES } from "../../endpoints/pages/texts.ts";

export const pages = z.strictObject({
  name: z.string().min(1).max(60).exactOptional().describe("Of the app; the host if absent."),
  logo: z.string().regex(
    /^(\/(?!\/)[^\s\\;,]*|https:\/\/[^\s\\;,]+|data:image\/[\w.+-]+[;,]\S+)$/,
    {
      error: 'must be a path such as "/logo.svg", an https URL, or a data:image URL',
    },
  ).exactOptional(),
  color: z.string().regex(/^#[0-9a-fA-F]{6}$/, { error: 'must be a colour such as "#1f6f54"' })
    .prefault("#1f6f54"),
  language: z.string().regex(/^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$/, {
    error: 'must be a language tag such as "en" or "de-AT"',
  }).transform((tag) => tag.toLowerCase()).exactOptional()
    .describe("One language for everybody; else the browser's, where there are texts for it."),
  texts: z.record(
    z.string().regex(/^[a-z]{2,3}(-[a-z0-9]{2,8})*$/, {
      error: 'must be a language tag in lower case, such as "fr"',
    }),
    z.partialRecord(z.enum(TEXT_NAMES), z.string().max(300)),
  ).prefault({}).describe("Other words, or another language: texts by name."),
}).refine(({ language, texts }) => {
  return language === undefined || LANGUAGES.includes(language) || Object.hasOwn(texts, language);
}, {
  path: ["language"],
  error: `there are texts for ${LANGUAGES.join(", ")}; add others in pages.texts`,
}).prefault({}).describe("How the sign-in and account pages look and speak.");
