/**
 * The in-process backend of the demo: answers with JSON of what it received,
 * so that everybody can see what crosses the gateway and what does not. A
 * browser gets a page that shows the life of a session.
 *
 * @module
 */
import script from "./demo_client.js" with { type: "text" };
import page from "./demo_page.html" with { type: "text" };

/** The target that stands for the demo upstream; `.internal` names never resolve publicly. */
export const DEMO_TARGET = "http://demo.postern.internal";

/** Answers requests to {@link DEMO_TARGET} in this process. */
export const demoFetch: typeof fetch = (input, init) => answer(new Request(input, init));

const MAX_ECHO_BYTES = 64 * 1024;

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const wantsPage = request.headers.get("accept")?.includes("text/html") ?? false;
  if (request.method === "GET" && url.pathname === "/" && wantsPage) {
    return asset(page, "text/html; charset=utf-8");
  }
  if (url.pathname === "/demo_client.js") return asset(script, "text/javascript; charset=utf-8");
  const body = await request.text();
  return Response.json({
    message: "This is the demo upstream. Below is everything that it received.",
    method: request.method,
    path: url.pathname + url.search,
    headers: Object.fromEntries(request.headers),
    body: body.slice(0, MAX_ECHO_BYTES),
  });
}

function asset(content: string, type: string): Response {
  return new Response(content, {
    headers: {
      "content-type": type,
      "cache-control": "no-store",
      "content-security-policy":
        "default-src 'self'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    },
  });
}
