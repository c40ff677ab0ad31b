/**
 * Why nothing can listen at an address, in words for the person who chose it.
 *
 * @module
 */

/** One line that names the variable of the two that has to change. */
export function listenProblem(error: unknown, hostname: string, port: number): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return `POSTERN_PORT: ${hostname}:${port} is in use; put a free port there`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `POSTERN_PORT: this user may not listen on ${port}; put one above 1023 there`;
  }
  return `POSTERN_HOST: "${hostname}" is no address of this machine; put one of its own there, ` +
    'such as "127.0.0.1", or "0.0.0.0" for all of them';
}
