/**
 * Who asked to come in, how, and what became of it.
 *
 * @module
 */
import type { Meter, Take } from "./meter.ts";

/** How a credential came. */
export type CredentialTransport = "cookie" | "bearer" | "dpop" | "none";

/** Counts one authentication; `result` is `accepted` or the code of the problem. */
export type CountAuthentication = (transport: CredentialTransport, result: string) => void;

/** Creates `postern_authentications_total`. */
export function authenticationInstrument(meter: Meter): CountAuthentication {
  const count = meter.counter({
    name: "postern_authentications_total",
    help: "Requests that needed a credential, by how it came and what became of it.",
    labels: ["transport", "result"],
  });
  const of = (transport: CredentialTransport, result: string) => count({ transport, result });
  // What nearly every request adds to is looked up once. Nothing is accepted that came with nothing.
  const accepted: Record<CredentialTransport, Take> = {
    cookie: of("cookie", "accepted"),
    bearer: of("bearer", "accepted"),
    dpop: of("dpop", "accepted"),
    none: () => {},
  };
  for (const take of Object.values(accepted)) take(0);

  return function countAuthentication(transport, result) {
    if (result === "accepted") accepted[transport](1);
    else of(transport, result)(1);
  };
}
