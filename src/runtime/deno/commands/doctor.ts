/**
 * `doctor`: what is wrong with this installation, one line each.
 *
 * @module
 */
import type { Command } from "commander";
import { StoreUnavailableError } from "../../../base/errors.ts";
import type { GatewayConfig } from "../../../config/config.ts";
import { startProblems } from "../../../gateway/start_problem.ts";
import { DEMO_TARGET } from "../../../demo/upstream.ts";
import { networkReason } from "../../../outbound/network_reason.ts";
import { StoreRejectedError } from "../../../store/port.ts";
import { SECRETS } from "../environment.ts";
import { readSources, type Sources } from "../load.ts";
import { openStore } from "../open.ts";
import { openingWarnings } from "../openings.ts";
import { UnreachableError } from "./client.ts";
import type { Acting, Context } from "./context.ts";
import { issuerFindings, providerFindings } from "./doctor_elsewhere.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";
import { counted, EXIT } from "./output.ts";

/** Clocks further apart than this make good tokens look expired, or not yet valid. */
const MAX_SKEW_MS = 5_000;
const ASK_MS = 5_000;

/** Adds the command. */
export function doctorCommand(program: Command, acting: Acting): void {
  program.command("doctor")
    .description("look for what is wrong: configuration, store, clock, keys, providers, proxies")
    .action(acting((context) => doctor(context)));
}

async function doctor(context: Context): Promise<number> {
  const { output } = context;
  let sources: Sources;
  try {
    sources = await readSources(context.mode);
  } catch (error) {
    const problems = startProblems(error);
    if (problems === null) throw error;
    return report(context, problems.map((problem) => fail("configuration", problem)));
  }
  const { config } = sources;
  const findings = [
    ok(
      "configuration",
      `${counted(config.routes.length, "route")}, ${counted(config.upstreams.size, "upstream")}`,
    ),
  ];
  const steps: readonly [string, () => Promise<Finding[]> | Finding[]][] = [
    ["keys", () => keyFindings(sources)],
    ["files", () => fileFindings(sources)],
    ["origin", () => originFindings(config)],
    ["routes", () => openingWarnings(config).map((words) => warn("routes", words))],
    ["store", () => storeFindings(sources)],
    ["clock", () => clockFindings(config)],
    ["providers", () => providerFindings(config)],
    ["issuers", () => issuerFindings(config)],
    ["upstreams", () => upstreamFindings(config)],
    ["gateway", () => gatewayFindings(context, sources)],
  ];
  for (const [name, look] of steps) {
    output.progress(`${name} …`);
    findings.push(...await look());
  }
  output.progress("");
  return report(context, findings);
}

function report({ output }: Context, findings: readonly Finding[]): number {
  output.table(
    ["", "WHAT", "SAYS"],
    findings.map(({ level, what, says }) => [level, what, says]),
    { findings },
  );
  return findings.some(({ level }) => level === "fail") ? EXIT.failed : EXIT.ok;
}

function keyFindings({ keys }: Sources): Finding[] {
  const { signing } = keys;
  return [
    ok("keys", `${signing.alg} key "${signing.kid}" signs; ${keys.byKid.size} in the ring`),
    ...(signing.alg === "HS256"
      ? [
        warn(
          "keys",
          "an HS256 key signs: no upstream can verify a token without being able to sign one",
        ),
      ]
      : []),
    ...(keys.byKid.size > 8
      ? [
        warn(
          "keys",
          `${keys.byKid.size} keys verify; \`keys list\` says which nobody needs any more`,
        ),
      ]
      : []),
  ];
}

async function fileFindings({ env, config, files }: Sources): Promise<Finding[]> {
  const secret = new Set(
    [
      ...SECRETS.map((name) => env[`${name}_FILE`]),
      config.store.kind === "sqlite" ? config.store.path : undefined,
      ...Array.from(config.upstreams.values(), ({ tls }) => tls?.keyPath),
    ].filter((path): path is string => typeof path === "string" && path !== ""),
  );
  const found: Finding[] = [];
  for (const path of new Set([...files, ...secret])) {
    try {
      const { mode } = await Deno.stat(path);
      if (secret.has(path) && mode !== null && (mode & 0o077) !== 0) {
        found.push(warn("files", `${path}: others on this machine can read it; chmod 600`));
      }
    } catch {
      // What is missing was said by the configuration's own check.
    }
  }
  return found.length > 0 ? found : [ok("files", "nobody else can read what is secret")];
}

function originFindings(config: GatewayConfig): Finding[] {
  const { origin, secure, trustedProxies, paths } = config;
  const hostname = Deno.env.get("POSTERN_HOST") || "127.0.0.1";
  const isLocal = !secure;
  return [
    ok(
      "cookies",
      secure
        ? `__Host- names, Secure, for ${origin} alone`
        : `no prefix and no Secure: ${origin} is plain http on this machine`,
    ),
    // Deno serves plain http: whoever speaks https to the world is another.
    ...(!isLocal && trustedProxies.length === 0
      ? [
        warn(
          "proxies",
          `origin is https and no proxy is trusted: whatever ends TLS in front of ${hostname} is the client of every request, and throttles count everybody together; set trustedProxies`,
        ),
      ]
      : [ok("proxies", trustedProxies.length === 0 ? "none" : trustedProxies.join(", "))]),
    ok("paths", `${paths.auth}/* and ${paths.token}/* are Postern's own`),
  ];
}

async function storeFindings({ config, env }: Sources): Promise<Finding[]> {
  const store = await openStore(config.store, env);
  const what = `store (${config.store.kind})`;
  try {
    const beganAtMs = performance.now();
    const warnings = await store.probe();
    const probedMs = performance.now() - beganAtMs;
    await store.revocationsSince(null);
    return [
      ok(what, `answers in ${probedMs.toFixed(1)} ms`),
      // Among them: Redis may evict keys, so that a revocation could be forgotten.
      ...warnings.map((warning) => warn(what, warning)),
    ];
  } catch (error) {
    if (error instanceof StoreUnavailableError || error instanceof StoreRejectedError) {
      return [fail(what, error.message)];
    }
    throw error;
  } finally {
    await store.close();
  }
}

/** Others' clocks are in the `Date` of their answers, to the second. */
async function clockFindings(config: GatewayConfig): Promise<Finding[]> {
  const urls = [
    ...(config.identity.kind === "upstream" ? [config.identity.url] : []),
    ...Array.from(config.providers.values(), ({ oidc }) => oidc.issuer),
    ...Array.from(config.upstreams.values()).flatMap(({ targets }) => targets),
  ].filter((url) => url.startsWith("http"));
  const found: Finding[] = [];
  // One machine has one clock, however many of its addresses are configured.
  const byHost = new Map(urls.map((url) => [new URL(url).host, url]));
  for (const url of byHost.values()) {
    const answer = await knock(url);
    const date = answer.kind === "answered" ? Date.parse(answer.date ?? "") : NaN;
    if (Number.isNaN(date)) continue;
    const skewMs = Math.max(0, Math.abs(Date.now() - date) - 1_000);
    found.push(
      skewMs > MAX_SKEW_MS
        ? fail(
          "clock",
          `${new URL(url).host} says it is ${new Date(date).toISOString()}, ${
            Math.round(skewMs / 1000)
          } s away from here`,
        )
        : ok("clock", `agrees with ${new URL(url).host}`),
    );
  }
  return found.length > 0 ? found : [warn("clock", "nobody to compare it with")];
}

async function upstreamFindings(config: GatewayConfig): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const { name, targets } of config.upstreams.values()) {
    for (const target of targets.filter((each) => each.startsWith("http"))) {
      if (target === DEMO_TARGET) {
        found.push(ok(`upstream ${name}`, "the demo, which is in the gateway itself"));
        continue;
      }
      const answer = await knock(target);
      found.push(
        answer.kind === "answered"
          ? ok(`upstream ${name}`, `${target} answers`)
          : fail(`upstream ${name}`, `${target}: ${answer.reason}`),
      );
    }
  }
  if (config.identity.kind === "upstream") {
    const answer = await knock(config.identity.url);
    found.push(
      answer.kind === "answered"
        ? ok("identity", `${config.identity.url} answers`)
        : fail("identity", `${config.identity.url}: ${answer.reason}`),
    );
  }
  return found;
}

async function gatewayFindings(context: Context, sources: Sources): Promise<Finding[]> {
  try {
    const admin = await context.admin();
    const { status, body } = await admin.ask("GET", "/v1/status");
    if (status !== 200) return [fail("gateway", `its admin listener answers ${status}`)];
    return [
      body.ready.ready
        ? ok("gateway", `ready, version ${body.version}`)
        : fail("gateway", `not ready: ${body.ready.why}`),
      body.configuration.hash === sources.hash
        ? ok("gateway", "what the file says is in force")
        : warn("gateway", "the file says something else than what is in force; `config diff`"),
    ];
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    return [warn("gateway", error.message)];
  }
}

type Knock =
  | { readonly kind: "answered"; readonly date: string | null }
  | { readonly kind: "silent"; readonly reason: string };

/** Whether somebody answers there, whatever they say. */
async function knock(url: string): Promise<Knock> {
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(ASK_MS) });
    await response.body?.cancel();
    return { kind: "answered", date: response.headers.get("date") };
  } catch (error) {
    return { kind: "silent", reason: networkReason(error) };
  }
}
