/**
 * Names in the configuration that lead nowhere.
 *
 * @module
 */
import { claimHeader } from "../access/identity_headers.ts";
import { foldHeaderName } from "../http/header_names.ts";
import { findShadows } from "../policy/shadows.ts";
import { RESERVED_CLAIMS } from "../tokens/claim_map.ts";
import { identityHeaderProblem } from "./header_rules.ts";
import type { ConfigFile } from "./schema/file.ts";

export function danglingReferences(file: ConfigFile): string[] {
  const known = Object.keys(file.upstreams);
  const problems: string[] = [];
  file.routes.forEach((route, index) => {
    if (!Object.hasOwn(file.upstreams, route.upstream)) {
      problems.push(
        `routes[${index}].upstream: there is no upstream "${route.upstream}"; known: ${
          known.join(", ") || "none"
        }`,
      );
    }
    const asksForContext = route.require?.acr !== undefined ||
      route.require?.maxAuthAge !== undefined;
    if (asksForContext && Object.keys(file.providers).length === 0) {
      problems.push(
        `routes[${index}].require: acr and maxAuthAge are known of sign-ins at providers only, and there are none`,
      );
    }
    const canBind = file.dpop !== undefined || file.deviceBinding !== "off";
    if (route.require?.deviceBound !== undefined && !canBind) {
      problems.push(
        `routes[${index}].require.deviceBound: nothing can be bound while neither "dpop" nor "deviceBinding" is set; add "dpop": {} or "deviceBinding": "offer"`,
      );
    }
    if (route.auth === "none") {
      for (const key of ["require", "revocation", "refresh"] as const) {
        const value = route[key];
        if (value !== undefined && value !== "view" && value !== "none") {
          problems.push(
            `routes[${index}].${key}: has no meaning on a route with auth "none"; remove one of them`,
          );
        }
      }
    }
  });
  problems.push(...exchangeProblems(file));
  problems.push(...identityHeaderProblems(file));
  const identityNames = new Set(
    Object.values(file.upstreams).flatMap((upstream) => Object.keys(upstream.headers))
      .map(foldHeaderName),
  );
  file.routes.forEach((route, index) => {
    for (const name of Object.keys(route.requestHeaders?.set ?? {})) {
      if (identityNames.has(foldHeaderName(name))) {
        problems.push(
          `routes[${index}].requestHeaders.set.${name}: carries identity (upstreams.*.headers), which only Postern writes`,
        );
      }
    }
  });
  if (file.identity === undefined && Object.keys(file.providers).length === 0) {
    problems.push("identity: is required where there are no providers: nobody could sign in");
  }
  problems.push(...reservedClaims(file), ...unreachableRoutes(file));
  if (file.paths.auth === file.paths.token) {
    problems.push('paths.token: must differ from paths.auth; the default is "/api/token"');
  }
  return problems;
}

/** Claims that would stand where Postern's own do: without effect, or with too much of it. */
function reservedClaims({ identity, providers, tokens }: ConfigFile): string[] {
  const problems: string[] = [];
  const sources = [
    ["identity.claims", identity?.kind === "upstream" ? identity.claims : {}] as const,
    [
      "identity.recheck.claims",
      identity?.kind === "upstream" ? identity.recheck?.claims ?? {} : {},
    ] as const,
    ...Object.entries(providers).map(([name, { claims }]) =>
      [`providers.${name}.claims`, claims] as const
    ),
  ];
  for (const [at, claims] of sources) {
    for (const claim of Object.keys(claims)) {
      if (RESERVED_CLAIMS.has(claim)) {
        problems.push(`${at}.${claim}: is written by Postern itself; choose another name`);
      }
    }
  }
  const { subjectClaim } = tokens;
  // A person called "admin" would have that scope.
  if (
    subjectClaim !== undefined && (subjectClaim === "scope" || RESERVED_CLAIMS.has(subjectClaim))
  ) {
    problems.push(
      `tokens.subjectClaim: "${subjectClaim}" has a meaning of its own; choose another name, such as "user_id"`,
    );
  }
  return problems;
}

/** Upstreams that clients may get tokens for, which have to know them for what they are. */
function exchangeProblems({ clients, upstreams }: ConfigFile): string[] {
  return Object.entries(clients).flatMap(([id, { exchange }]) =>
    (exchange?.audience ?? []).flatMap((name, index) => {
      const where = `clients.${id}.exchange.audience[${index}]`;
      if (!Object.hasOwn(upstreams, name)) {
        const known = Object.keys(upstreams).join(", ") || "none";
        return [`${where}: there is no upstream "${name}"; known: ${known}`];
      }
      return upstreams[name]?.assertion === false
        ? [`${where}: the upstream gets no assertions; set upstreams.${name}.assertion`]
        : [];
    })
  );
}

/** Postern's own paths come first, then the routes in order. */
function unreachableRoutes({ paths, routes }: ConfigFile): string[] {
  const own = [`${paths.auth}/*`, `${paths.token}/*`, "/.well-known/jwks.json"];
  const shadows = findShadows([...own.map((path) => ({ path })), ...routes]);
  return shadows.filter(({ index }) => index >= own.length).map(({ index, by }) => {
    const earlier = by < own.length
      ? `Postern itself answers ${own[by]}`
      : `routes[${by - own.length}] ("${routes[by - own.length]?.path}") takes everything before`;
    const path = routes[index - own.length]?.path;
    return `routes[${
      index - own.length
    }].path: "${path}" is never reached, because ${earlier}; put it further up, or remove it`;
  });
}

/** Names for identity that are taken, or that two claims would share (guarantee 7). */
function identityHeaderProblems(file: ConfigFile): string[] {
  const problems: string[] = [];
  const claims = file.identity?.kind === "upstream" ? Object.keys(file.identity.claims) : [];
  const sources = [
    ["identity", claims] as const,
    ...Object.entries(file.providers ?? {}).map(([name, provider]) =>
      [`providers.${name}`, Object.keys(provider.claims ?? {})] as const
    ),
  ];
  const mapped = sources.flatMap(([source, names]) =>
    names.filter((claim) => claim !== "scope").map((claim) => ({
      at: `${source}.claims.${claim}`,
      name: claimHeader(claim),
      claim,
    }))
  );
  const names = new Map<string, string>();
  for (const { at, name, claim } of mapped) {
    const folded = foldHeaderName(name);
    const problem = (names.get(folded) ?? claim) !== claim
      ? "another claim becomes, too"
      : identityHeaderProblem(name);
    names.set(folded, claim);
    if (problem !== null) problems.push(`${at}: would become ${name}, which ${problem}; rename it`);
  }
  for (const [upstream, { headers }] of Object.entries(file.upstreams)) {
    const taken = new Map(mapped.map(({ name, claim }) => [foldHeaderName(name), { claim }]));
    const own = new Set<string>();
    for (const [name, claim] of Object.entries(headers)) {
      const at = `upstreams.${upstream}.headers.${name}`;
      const folded = foldHeaderName(name);
      const problem = identityHeaderProblem(name);
      const other = taken.get(folded);
      if (problem !== null) problems.push(`${at}: ${problem}; take another name`);
      else if (own.has(folded) || (other !== undefined && other.claim !== claim)) {
        problems.push(`${at}: two claims would share this name; take another one`);
      }
      own.add(folded);
    }
  }
  return problems;
}
