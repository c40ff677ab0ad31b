/**
 * Optional white space of HTTP header fields.
 *
 * @module
 */

/**
 * The text without spaces and tabs around it (RFC 9110 §5.6.3, OWS), and nothing
 * else: `String.prototype.trim` takes white space of all scripts away, and with it
 * would make one name of two that the other side tells apart.
 */
export function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
