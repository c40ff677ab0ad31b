/**
 * `explain METHOD URL`: which route a request would take, whether it would be let in, and what the
 * upstream would be sent. The real gateway decides, with a store of its own and a network that
 * only listens.
 *
 * @module
 */
import type { Command } from "commander";
import { systemClock } from "../../../base/clock.ts";
import type { GatewayConfig } from "../../../config/config.ts";
import { type Core, createCore } from "../../../gateway/core.ts";
import { createGateway, type Gateway } from "../../../gateway/gateway.ts";
import { readRequestLine } from "../../../policy/request_line.ts";
import type { RequestLine } from "../../../policy/request_line.ts";
import type { RequestProblem } from "../../../policy/problem.ts";
import { compileRoutes } from "../../../policy/routes.ts";
import { createMemoryStore } from "../../../store/memory/store.ts";
import type { Transports, WireRequest } from "../../../upstream/transport.ts";
import { readSources, type Sources } from "../load.ts";
import type { Acting, Context } from "./context.ts";
import { EXIT } from "./output.ts";

/** What an upstream would be sent. */
interface Sent {
  readonly upstream: string;
  readonly target: string;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** Adds the command. */
export function explainCommand(program: Command, acting: Acting): void {
  program.command("explain").argument("<method>").argument(
    "<url>",
    "absolute, or a path at the origin",
  )
    .description("which route a request takes, whether it is let in, what the upstream is sent")
    .option("--as <subject>", "as somebody who is signed in")
    .option("--scope <scope>", "with this scope, separated by spaces", "")
    .option("--claim <name=value...>", "with these claims")
    .option("-H, --header <line...>", 'with these headers ("Name: value")')
    .action(
      acting((context, [method, url], options) =>
        // A person who types "get" means GET; the gateway itself refuses anything but upper case.
        explain(context, (method ?? "GET").toUpperCase(), url ?? "/", options)
      ),
    );
}

async function explain(
  context: Context,
  method: string,
  url: string,
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { output } = context;
  const sources = await readSources(context.mode);
  const { config } = sources;
  const whole = URL.parse(url, config.origin);
  if (whole === null) {
    output.remark(`"${url}" is no URL`);
    return EXIT.usage;
  }
  const headers = new Headers({ host: whole.host, accept: "*/*" });
  for (const line of listOf(options["header"])) {
    const [name = "", ...rest] = line.split(":");
    headers.append(name.trim(), rest.join(":").trim());
  }
  // As it was typed: a URL of this runtime has no dot segments left in it.
  const written = url.startsWith("/") ? config.origin + url : url;
  const line = readRequestLine({
    method,
    url: written,
    hostHeader: null,
    scheme: config.secure ? "https" : "http",
  });
  if ("problem" in line) {
    printUnreadable(context, method, written, line);
    return EXIT.failed;
  }
  const sent: Sent[] = [];
  const codes: string[] = [];
  const routes: string[] = [];
  const { core, gateway } = listeningGateway(sources, { sent, codes, routes });
  const subject = options["as"];
  if (typeof subject === "string") {
    const claims = Object.fromEntries(
      listOf(options["claim"]).map((each) => each.split(/=(.*)/s, 2) as [string, string]),
    );
    const scope = String(options["scope"] ?? "");
    const opened = await gateway.inside.sessions.open(
      {
        subject,
        claims: { ...claims, ...(scope === "" ? {} : { scope }) },
        sinceMs: systemClock(),
      },
      { device: { userAgent: "postern explain", ip: "127.0.0.1" } },
    );
    if (opened.kind === "opened") {
      headers.set("authorization", `Bearer ${opened.signedIn.pair.access}`);
    }
  }
  try {
    const answer = await gateway.fetch(new Request(whole, { method, headers }), {
      remoteAddress: "127.0.0.1",
      waitUntil: (work) => void work.catch(() => {}),
    });
    const problem = await problemOf(answer);
    // Postern's own paths, and a host that is not ours, find none, whatever the table says.
    const route = routes.length === 0 ? null : routeOf(config, line);
    print(context, { method, url: whole.href, route, answer, problem, codes, sent });
    return sent.length > 0 ? EXIT.ok : EXIT.failed;
  } finally {
    gateway.close();
    await core.store.close();
  }
}

function listeningGateway(
  sources: Sources,
  { sent, codes, routes }: {
    readonly sent: Sent[];
    readonly codes: string[];
    /** Patterns of the routes that were found. */
    readonly routes: string[];
  },
): { readonly core: Core; readonly gateway: Gateway } {
  const { config, keys, legacyKey } = sources;
  const core = createCore({
    store: createMemoryStore({}),
    keys,
    clock: systemClock,
    events: (event) => {
      if (event.event === "denied") codes.push(event.code);
    },
    isolatesRequests: false,
    spans: ({ route }) => {
      if (route !== null) routes.push(route);
    },
  }, config);
  const gateway = createGateway(core, config, {
    legacyKey,
    identity: { authenticate: () => Promise.resolve({ kind: "rejected" }) },
    transports: listening(sent),
  });
  return { core, gateway };
}

/** A network on which everything is answered with 204 and nothing is sent. */
function listening(sent: Sent[]): Transports {
  return {
    open: (target, { name }) => ({
      send(request: WireRequest) {
        const { method, target: path, headers } = request;
        sent.push({ upstream: name, target, method, path, headers });
        return {
          headed: Promise.resolve(),
          answer: () => ({ status: 204, headers: [], body: null, connection: null }),
          abort() {},
          hurry() {},
        };
      },
    }),
    acceptWebSocket() {
      throw new TypeError("nothing becomes a WebSocket here");
    },
    refusals: () => [],
    isolatesRequests: false,
  };
}

/** The line of the table that a request finds; the gateway decides about ambiguity itself. */
function routeOf(
  config: GatewayConfig,
  line: RequestLine,
): { readonly index: number; readonly route: GatewayConfig["routes"][number] } | null {
  const table = compileRoutes(config.routes.map((route, index) => ({
    path: route.path,
    ...(route.host === undefined ? {} : { host: route.host }),
    ...(route.methods === undefined ? {} : { methods: route.methods }),
    policyKey: "",
    value: { index, route },
  })));
  const found = table.match(line);
  return found.kind === "matched" ? found.value : null;
}

async function problemOf(
  answer: Response,
): Promise<{ readonly code?: string; readonly detail?: string; readonly title?: string } | null> {
  const isProblem = answer.headers.get("content-type") === "application/problem+json";
  const text = await answer.text();
  return isProblem ? JSON.parse(text) : null;
}

/** What the gateway answers before it looks for a route: 400, for all such requests. */
function printUnreadable(
  { output }: Context,
  method: string,
  url: string,
  { code, problem }: RequestProblem,
): void {
  output.value({ method, url, route: null, passed: false, status: 400, code, sent: null });
  output.line(`${method} ${url}`);
  output.line(`  refused: ${code} (400)`);
  output.line(`  ${problem}`);
}

function print({ output }: Context, facts: {
  readonly method: string;
  readonly url: string;
  readonly route: ReturnType<typeof routeOf>;
  readonly answer: Response;
  readonly problem: Awaited<ReturnType<typeof problemOf>>;
  readonly codes: readonly string[];
  readonly sent: readonly Sent[];
}): void {
  const { method, url, route, answer, problem, codes } = facts;
  const [sent] = facts.sent;
  const code = problem?.code ?? codes.at(-1);
  const location = answer.headers.get("location");
  const verdict = sent !== undefined
    ? `passed on to upstream "${sent.upstream}"`
    : code !== undefined
    ? `refused: ${code} (${location === null ? answer.status : `redirect to ${location}`})`
    : `answered by Postern itself (${answer.status})`;
  output.value({
    method,
    url,
    route: route === null ? null : { index: route.index, ...route.route },
    passed: sent !== undefined,
    status: sent === undefined ? answer.status : null,
    code: sent === undefined ? code ?? null : null,
    location,
    sent: sent === undefined ? null : { ...sent, headers: sent.headers.map(shown) },
  });
  output.line(`${method} ${url}`);
  output.line(`  ${verdict}`);
  const detail = problem?.detail ?? problem?.title;
  if (sent === undefined && detail !== undefined) output.line(`  ${detail}`);
  if (route !== null) {
    output.line(`  routes[${route.index}]: ${JSON.stringify(route.route)}`);
  }
  if (sent === undefined) return;
  output.line("");
  output.line(`  ${sent.method} ${sent.path}   → ${sent.target}`);
  for (const pair of sent.headers) {
    const [name, value] = shown(pair);
    output.line(`  ${name}: ${value}`);
  }
}

/** An assertion is signed with a real key: what it says is shown, its signature is not. */
function shown([name, value]: readonly [string, string]): readonly [string, string] {
  return [
    name,
    value.replace(/(eyJ[\w-]+\.[\w-]+)\.[\w-]+/g, "$1.(signature)"),
  ];
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
