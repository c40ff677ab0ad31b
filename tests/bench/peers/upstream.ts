/** The backend behind every contender. */
const body = JSON.stringify({ hello: "world" });
Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.env.get("PORT")), onListen() {} },
  () => new Response(body, { headers: { "content-type": "application/json" } }),
);
