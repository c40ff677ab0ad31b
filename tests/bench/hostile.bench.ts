/**
 * What hostile texts of 64 KiB cost the scanners that meet them before anybody is known
 * (`deno task bench:hostile`). Each is here at a quarter of its length, too: the work
 * has to grow with the length, which `tests/policy/linear_test.ts` and
 * `tests/tokens/scan_test.ts` hold by counting steps.
 *
 * @module
 */
import { readRequestLine } from "../../src/policy/request_line.ts";
import { compileRoutes } from "../../src/policy/routes.ts";
import { foldName } from "../../src/sign_in/name.ts";
import { createTokenScanner } from "../../src/tokens/scan.ts";

const table = compileRoutes([
  { path: "/auth/*", policyKey: "own", value: 0 },
  { path: "/a/:x/b/*", policyKey: "a", value: 1 },
  { path: "/*", policyKey: "rest", value: 2 },
]);
const scanner = createTokenScanner({
  issuer: "https://app.example.com",
  legacy: { userIdClaim: "user_id", issuer: null },
});

/** A text of one piece, as long as is asked for. */
function repeated(piece: string, length: number): string {
  return piece.repeat(Math.ceil(length / piece.length));
}

const paths = {
  dots: ".",
  "escaped spaces and dots": ".%20",
  slashes: "/",
  "nested escapes": "%2525",
  "one character that becomes eighteen": "%EF%B7%BA",
  "marks in the wrong order": "%CC%95%CC%80",
};
const texts = { "starts of tokens": "eyJ", "parts of tokens": "eyJhIjoxfQ.", escapes: "%25" };

for (const kib of [16, 64]) {
  for (const [name, piece] of Object.entries(paths)) {
    const url = `http://localhost/A${repeated(piece, kib * 1024)}x`;
    const raw = { method: "GET", url, hostHeader: "localhost", scheme: "http" } as const;
    Deno.bench(`path of ${name}, ${kib} KiB`, { group: `path of ${name}` }, () => {
      const line = readRequestLine(raw);
      if (!("problem" in line)) table.match(line);
    });
  }
  for (const [name, piece] of Object.entries(texts)) {
    const text = repeated(piece, kib * 1024);
    Deno.bench(`text of ${name}, ${kib} KiB`, { group: `text of ${name}` }, () => {
      scanner.holdsOurs(text);
    });
  }
}
const name = repeated("\u0315\u0300", 1024);
Deno.bench("name of 1,024 marks", () => void foldName(name));
