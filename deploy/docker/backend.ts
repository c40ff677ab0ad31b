/**
 * A backend to put the gateway in front of: a login endpoint with one person in it ("demo", with
 * the password "postern"), and an echo of what arrives. For trying things out, never for people.
 *
 * @module
 */
Deno.serve({ port: 9000 }, async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/login" && request.method === "POST") {
    const { username, password } = await request.json();
    return username === "demo" && password === "postern"
      ? Response.json({ user: { id: "demo", permissions: "read" } })
      : Response.json({ detail: "no" }, { status: 401 });
  }
  return Response.json({
    method: request.method,
    path: pathname,
    headers: Object.fromEntries(request.headers),
  });
});
