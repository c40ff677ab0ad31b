/**
 * The way to the sign-in page.
 *
 * @module
 */

/**
 * `Location` of the sign-in page. `expired`: the browser came with something
 * that used to be good, which the page says in words, and looks into with care.
 */
export function loginLocation(loginPath: string, returnTo: string, expired: boolean): string {
  const reason = expired ? "&reason=expired" : "";
  return `${loginPath}?return_to=${encodeURIComponent(returnTo)}${reason}`;
}
