/**
 * The backend of the black-box suite: a login endpoint with two people in it,
 * and a memory of everything that reached it.
 *
 * @module
 */
import { type RecordingUpstream, startUpstream } from "./upstream.ts";

/** The people who can sign in, and their passwords. */
export const PEOPLE = {
  ada: {
    id: "u-1",
    password: "correct horse",
    permissions: "read admin",
    email: "ada@example.com",
  },
  bob: { id: "u-2", password: "battery staple", permissions: "read", email: "bob@example.com" },
} as const;

/** A name in {@link PEOPLE}. */
export type Person = keyof typeof PEOPLE;

/** Starts it. `POST /login` is what `identity.url` points at. */
export function startBackend(): RecordingUpstream {
  return startUpstream((request, { target, body }) => {
    const path = target.split("?", 1)[0] ?? "";
    switch (path) {
      case "/login": {
        const { username, password } = JSON.parse(body);
        if (username === "down") return new Response("no", { status: 500 });
        const person = Object.hasOwn(PEOPLE, username) ? PEOPLE[username as Person] : null;
        if (person === null || person.password !== password) {
          return Response.json({ detail: "no" }, { status: 401 });
        }
        const { id, permissions, email } = person;
        return Response.json({ user: { id, permissions, email } });
      }
      case "/public/redirect":
        return new Response(null, { status: 302, headers: { location: "/elsewhere?a=1" } });
      case "/public/cookies": {
        const headers = new Headers({ "x-upstream": "yes" });
        headers.append("set-cookie", "theme=dark; Path=/");
        headers.append("set-cookie", "__Host-postern-access=stolen; Path=/; Secure");
        headers.append("set-cookie", "postern-refresh=stolen; Path=/");
        headers.append("set-cookie", "lang=de; Path=/");
        return new Response("cookies", { headers });
      }
      case "/public/hop": {
        return new Response("hop", {
          headers: { "keep-alive": "timeout=5", "proxy-authenticate": "Basic", "x-end": "1" },
        });
      }
      case "/public/status":
        return new Response(null, { status: Number(target.split("=")[1]) });
      case "/public/slow":
        return new Promise((resolve) => setTimeout(() => resolve(new Response("late")), 3_000));
      case "/stream/socket": {
        const { socket, response } = Deno.upgradeWebSocket(request);
        socket.onmessage = ({ data }) => {
          if (data === "bye") socket.close(4009, "bye");
          else socket.send(data);
        };
        return response;
      }
      case "/stream/down": {
        let beat: ReturnType<typeof setInterval>;
        let count = 0;
        return new Response(
          new ReadableStream<Uint8Array>({
            start(controller) {
              beat = setInterval(() => {
                controller.enqueue(new TextEncoder().encode(`data: ${count++}\n\n`));
              }, 50);
            },
            cancel: () => clearInterval(beat),
          }),
          { headers: { "content-type": "text/event-stream" } },
        );
      }
      case "/upload":
        return request.arrayBuffer().then((body) =>
          Response.json({
            size: body.byteLength,
            length: request.headers.get("content-length"),
          })
        );
      default:
        return null;
    }
  });
}
