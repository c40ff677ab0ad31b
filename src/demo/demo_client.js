// The demo's front end: what an app does with /auth/client.js.
// An app writes: import { createPostern } from "/auth/client.js". Here the path is kept
// from the type checker, which would look for it on this disk.
const path = "/auth/client.js";
const { createPostern } = await import(path);

const postern = createPostern();
const element = (id) => document.getElementById(id);

function note(text) {
  const item = document.createElement("li");
  item.textContent = `${new Date().toLocaleTimeString()}  ${text}`;
  element("events").prepend(item);
}

function leave() {
  location.assign("/auth/login?reason=signed_out&return_to=" + encodeURIComponent("/"));
}

let lifeMs = 1;

function show(session) {
  element("subject").textContent = session.subject;
  element("sid").textContent = session.sid;
  element("refresh-left").textContent = `until ${
    new Date(session.refreshExpiresAt).toLocaleString()
  }`;
  // The longest that was seen left is the life of one token.
  lifeMs = Math.max(lifeMs, Date.parse(session.accessExpiresAt) - Date.now());
}

function tick() {
  const session = postern.session();
  if (session === null) return;
  const leftMs = Math.max(0, Date.parse(session.accessExpiresAt) - Date.now());
  const seconds = Math.floor(leftMs / 1000);
  element("left").textContent = `${Math.floor(seconds / 60)} min ${seconds % 60} s left`;
  element("life").value = leftMs / lifeMs;
}

const rank = (name) => name.startsWith("x-auth-") ? 0 : 1;

async function call() {
  const response = await postern.fetch("/hello", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ from: "the demo page" }),
  });
  note(`POST /hello answered ${response.status}`);
  if (!response.ok) return;
  const { method, path, headers, body } = await response.json();
  element("received").textContent = [
    `${method} ${path}`,
    // What Postern says of the caller comes first.
    ...Object.entries(headers).sort(([a], [b]) => rank(a) - rank(b)).map(([name, value]) =>
      `${name}: ${value}`
    ),
    "",
    body,
  ].join("\n");
}

postern.on("signedIn", (session) => {
  show(session);
  note("signed in");
});
postern.on("refreshed", (session) => {
  show(session);
  note("tokens rotated");
});
postern.on("signedOut", leave);

element("call").onclick = call;
element("refresh").onclick = () => postern.refresh();
element("sign-out").onclick = () => postern.signOut();
element("sign-out-everywhere").onclick = () => postern.signOut({ everywhere: true });

if (await postern.ready === null) leave();
setInterval(tick, 500);
tick();
await call();
