/**
 * The method of a request, as it is matched, logged and sent.
 *
 * @module
 */
import type { RequestProblem } from "./problem.ts";

/** No registered method is as long; what is longer is no method. */
const MAX_LENGTH = 32;

/**
 * Reads a method. Methods are case-sensitive (RFC 9110 §9.1), and some clients and
 * backends upper-case them nevertheless: what is not upper-case already could be
 * matched as one method and carried out as another, so it is refused.
 */
export function readMethod(text: string): string | RequestProblem {
  if (text.length === 0 || text.length > MAX_LENGTH || !isLetter(text.charCodeAt(0))) {
    return PROBLEM;
  }
  for (let index = 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const isPlain = isLetter(code) || (code >= 0x30 && code <= 0x39) || code === 0x2d;
    if (!isPlain) return PROBLEM;
  }
  return text;
}

const PROBLEM: RequestProblem = {
  code: "invalid_request",
  problem: "The method is not an upper-case token.",
};

function isLetter(code: number): boolean {
  return code >= 0x41 && code <= 0x5a;
}
