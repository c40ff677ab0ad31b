/**
 * Who is at the other end of a request.
 *
 * @module
 */
import type { Presenter } from "../base/presenter.ts";
import type { Surroundings } from "./around.ts";

/** Who is at the other end of this request, for what is asked or recorded on their behalf. */
export function presenterOf(
  headers: { get(name: string): string | null },
  signal: AbortSignal,
  { client, trace }: Surroundings,
): Presenter {
  return {
    device: { userAgent: headers.get("user-agent") ?? "", ip: client.address },
    requestId: trace.requestId,
    signal,
  };
}
