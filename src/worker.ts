/**
 * Cloudflare Workers entry: the same gateway from bindings. The only file that
 * knows them.
 *
 * @module
 */
import { build, refuse } from "./runtime/workers/build.ts";
import { clientAddress } from "./runtime/workers/client_address.ts";
import type { Bindings } from "./runtime/workers/build.ts";

interface ExecutionContext {
  waitUntil(work: Promise<unknown>): void;
}

/**
 * The gateway of this isolate. A value and not a promise: a request must not
 * wait for the work of another, so that the first two may both build one.
 */
let gateway: Awaited<ReturnType<typeof build>> | null = null;

export default {
  /** Answers one request. */
  async fetch(request: Request, bindings: Bindings, context: ExecutionContext): Promise<Response> {
    const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
    try {
      gateway ??= await build(bindings, waitUntil);
    } catch (error) {
      return refuse(error);
    }
    return await gateway.fetch(request, {
      remoteAddress: clientAddress(request, bindings.POSTERN_CLIENT_ADDRESS_HEADER),
      waitUntil,
    });
  },
};
