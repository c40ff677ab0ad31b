/** Below the ports that Linux gives to outgoing connections (32768 and up). */
const LOWEST = 10_000;
const HIGHEST = 32_767;

/**
 * A TCP port that nobody listens on at the moment. Drawn at random, not asked of the
 * system: that one hands the same port out again as soon as it is closed, to a
 * test beside this one or to any outgoing connection.
 */
export function freePort(): number {
  while (true) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
