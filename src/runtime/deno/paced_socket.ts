/**
 * A WebSocket of `Deno.serve` that can be stopped between two frames. Deno reads one frame
 * after the other for as long as some are there, and meanwhile nobody else runs: a client
 * that sent ten megabytes of frames without content held every other request for fifteen
 * seconds. Nor can it be paused, so that what an upstream does not take piles up here.
 *
 * @module
 */
/** Stops a socket from reading, and lets it go on. */
export interface Pace {
  pause(): void;
  resume(): void;
  /** To be called when whoever listens to messages is done with one. */
  messageDone(): void;
}

/** What is read of one socket before everybody else has a turn. */
const FRAMES_A_TURN = 256;
const BYTES_A_TURN = 1024 * 1024;

/** Not at once: the runtime looks after its sockets when it has nothing else to do. */
const TURN_OF_OTHERS_MS = 1;
/** Frames smaller than this on average are a flood: others have most of the time then. */
const TINY_BYTES = 32;
const TURN_AFTER_TINY_MS = 8;

/** `WebSocket.CLOSED`. */
const CLOSED = 3;

/** Deno's own WebSocket, as far as it is used here. */
type Inner = WebSocket & Record<symbol, unknown>;

/**
 * Takes the reading of a socket in hand; call it before the socket opens. `null` where Deno
 * is built differently than it was when this was written: then the socket reads as it likes.
 *
 * Deno's loop ends when it finds the socket closed. It is told so once, between two frames,
 * and is begun anew when the socket may go on; in the meantime nothing has happened to it.
 */
export function paceOf(socket: WebSocket): Pace | null {
  const inner = socket as Inner;
  const prototype = Object.getPrototypeOf(socket);
  const readyState = symbolOf(socket, "[[readyState]]");
  const eventLoop = symbolOf(prototype, "[[eventLoop]]");
  const onFrame = symbolOf(prototype, "[[serverHandleIdleTimeout]]");
  if (readyState === null || eventLoop === null || onFrame === null) return null;
  const { [eventLoop]: read, [onFrame]: noteFrame } = inner;
  if (typeof read !== "function" || typeof noteFrame !== "function") return null;

  let state = inner[readyState];
  let frames = 0;
  let bytes = 0;
  let isPaused = false;
  /** Whether the loop is to be told at its next look that the socket is closed. */
  let stopsNext = false;
  let isStopped = false;

  function afterFrame(): void {
    stopsNext = isPaused || frames >= FRAMES_A_TURN || bytes >= BYTES_A_TURN;
  }

  function goOn(): void {
    if (!isStopped || isPaused || state === CLOSED) return;
    isStopped = false;
    frames = 0;
    bytes = 0;
    void (read as () => Promise<void>).call(inner).catch(() => {});
  }

  Object.defineProperty(inner, readyState, {
    configurable: true,
    get() {
      if (!stopsNext) return state;
      stopsNext = false;
      isStopped = true;
      const isFlood = frames >= FRAMES_A_TURN && bytes < frames * TINY_BYTES;
      setTimeout(goOn, isFlood ? TURN_AFTER_TINY_MS : TURN_OF_OTHERS_MS);
      return CLOSED;
    },
    set(next: unknown) {
      state = next;
    },
  });
  // Called for each frame; of a message that is told to listeners, before they are.
  Object.defineProperty(inner, onFrame, {
    configurable: true,
    value() {
      noteFrame.call(inner);
      frames++;
      afterFrame();
    },
  });
  socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
    // Whoever listens may look at the state, too; the loop does after them.
    stopsNext = false;
    bytes += typeof data === "string" ? data.length : data.byteLength;
  });

  return {
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      goOn();
    },
    messageDone: afterFrame,
  };
}

function symbolOf(object: object, description: string): symbol | null {
  return Object.getOwnPropertySymbols(object)
    .find((symbol) => symbol.description === description) ?? null;
}
