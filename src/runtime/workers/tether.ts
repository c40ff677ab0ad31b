/**
 * Streams that can be ended from outside, carried by the runtime: what is passed through a script
 * piece by piece costs a Worker ten times as much.
 *
 * @module
 */
import { ENDED } from "../../proxy/tethered.ts";
import type { Tether } from "../../proxy/tethered.ts";

type Identity = new () => TransformStream<Uint8Array, Uint8Array>;
type FixedLength = new (bytes: number) => TransformStream<Uint8Array, Uint8Array>;

/** What Workers add to the standard. */
const runtime = globalThis as unknown as {
  readonly IdentityTransformStream: Identity;
  readonly FixedLengthStream: FixedLength;
};

/** Passes a stream on through a pipe; with its length, which the client is then told. */
export const pipeTethered: Tether = function pipeTethered(body, ending, attach, bytes) {
  const { readable, writable } = bytes === null
    ? new runtime.IdentityTransformStream()
    : new runtime.FixedLengthStream(bytes);
  const cut = new AbortController();
  const { signal } = cut;
  const release = attach(() => cut.abort(ENDED));
  // Without `preventAbort` a stream of events would break off where it shall end.
  body.pipeTo(writable, { signal, preventAbort: true }).then(release, (error) => {
    release();
    return signal.aborted && ending === "close" ? writable.close() : writable.abort(error);
  }).catch(() => {
    // The client has just left.
  });
  return readable;
};
