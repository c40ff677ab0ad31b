/**
 * From what a provider says of a person to whether they may come in, and as whom.
 *
 * @module
 */
import type { JsonValue, SubjectClaims } from "../base/json.ts";
import { compilePointer } from "../base/json_pointer.ts";
import type { JsonPointer, JsonReader } from "../base/json_pointer.ts";
import type { SignedClaims } from "../identity/oidc/id_token.ts";
import { compileClaims, MAX_SUBJECT_LENGTH, toSubject } from "../tokens/claim_map.ts";

/** Whom to let in. A list that is absent asks for nothing. */
export interface AllowOptions {
  /** What follows the one and only `@` of a verified address, in lower case. */
  readonly domains?: readonly string[];
  /** Whole verified addresses, in lower case. */
  readonly emails?: readonly string[];
  /** As the provider calls them (`sub`, or what `subject` points to). */
  readonly subjects?: readonly string[];
  /** One of them is enough. */
  readonly groups?: readonly string[];
}

/** Rules of one provider, resolved. */
export interface AdmissionOptions {
  /** Name of the provider; the head of its subjects where there is more than one source. */
  readonly source: string;
  /** Whether subjects are written `source|sub`, so that two sources can not mint each other's people. */
  readonly prefixesSubject: boolean;
  readonly subject: JsonPointer;
  readonly claims: Readonly<Record<string, JsonPointer>>;
  /** Where groups stand. */
  readonly groups: JsonPointer;
  /** Group to scope tokens; `null`: groups give no scope. */
  readonly scopeFromGroups: Readonly<Record<string, readonly string[]>> | null;
  /** `null`: everybody whom the provider vouches for. */
  readonly allow: AllowOptions | null;
  /** The provider itself makes sure of addresses, and does not say so in `email_verified`. */
  readonly verifiesEmail: boolean;
  /** Whether `acr` and `auth_time` go into tokens, for routes that ask for them. */
  readonly keepsContext: boolean;
}

/** Why somebody is not let in; the codes stand in logs and decide the words of the page. */
export type RefusalCode =
  | "subject_unusable"
  | "not_allowed"
  | "email_missing"
  | "email_unverified"
  | "groups_overage";

/** Whether somebody may come in. */
export type Admission =
  | { readonly kind: "admitted"; readonly subject: string; readonly claims: SubjectClaims }
  | { readonly kind: "refused"; readonly code: RefusalCode };

/** Decides about one person; at the sign-in, and again whenever the provider says something new. */
export type Admit = (claims: SignedClaims) => Admission;

/** Prepares {@link Admit}. */
export function createAdmit(options: AdmissionOptions): Admit {
  const { source, prefixesSubject, scopeFromGroups, allow, verifiesEmail, keepsContext } = options;
  const readSubject = compilePointer(options.subject);
  const readGroups = compilePointer(options.groups);
  const readClaims = compileClaims(options.claims);
  const [groupsClaim = ""] = options.groups.split("/").slice(1);
  const needsGroups = scopeFromGroups !== null || allow?.groups !== undefined;
  const scopes = new Map(Object.entries(scopeFromGroups ?? {}));
  const allowed = {
    domains: setOf(allow?.domains),
    emails: setOf(allow?.emails),
    subjects: setOf(allow?.subjects),
    groups: setOf(allow?.groups),
  };
  const namesPeople = allowed.domains !== null || allowed.emails !== null ||
    allowed.subjects !== null;

  /** Whether the person is one of those that are named; where nobody is, everybody. */
  function unnamed(claims: SignedClaims, subject: string): RefusalCode | null {
    if (!namesPeople || allowed.subjects?.has(subject) === true) return null;
    if (allowed.domains === null && allowed.emails === null) return "not_allowed";
    const address = addressOf(claims);
    if (address === null) return "email_missing";
    const isNamed = allowed.emails?.has(address.whole) === true ||
      allowed.domains?.has(address.domain) === true;
    if (!isNamed) return "not_allowed";
    return isVerified(claims) ? null : "email_unverified";
  }

  /** What the provider says of the address counts, whatever is said of the provider. */
  function isVerified({ email_verified: said }: SignedClaims): boolean {
    // Some providers write booleans as strings.
    return said === undefined ? verifiesEmail : said === true || said === "true";
  }

  function scopeOf(mapped: JsonValue | undefined, groups: readonly string[]): string | undefined {
    if (scopeFromGroups === null) return undefined;
    const held = typeof mapped === "string" ? mapped.split(" ").filter((each) => each !== "") : [];
    return [...new Set([...held, ...groups.flatMap((group) => scopes.get(group) ?? [])])].join(" ");
  }

  return function admit(claims) {
    const own = toSubject(readSubject(claims));
    const subject = own === null ? null : prefixesSubject ? `${source}|${own}` : own;
    if (own === null || subject === null || subject.length > MAX_SUBJECT_LENGTH) {
      return { kind: "refused", code: "subject_unusable" };
    }
    // Who is named by an address must not be able to put another's there.
    if (options.subject === "/email" && !isVerified(claims)) {
      return { kind: "refused", code: "email_unverified" };
    }
    const groups = needsGroups ? groupsIn(claims, readGroups, groupsClaim) : [];
    // Who is in too many groups is told of in another way than who is in none.
    if (groups === "overage") return { kind: "refused", code: "groups_overage" };
    const refusal = unnamed(claims, own);
    if (refusal !== null) return { kind: "refused", code: refusal };
    if (allowed.groups !== null && !groups.some((group) => allowed.groups?.has(group))) {
      return { kind: "refused", code: "not_allowed" };
    }
    const mapped = readClaims(claims);
    const scope = scopeOf(mapped["scope"], groups);
    return {
      kind: "admitted",
      subject,
      claims: {
        ...mapped,
        ...(scope === undefined ? {} : { scope }),
        ...(keepsContext ? contextOf(claims) : {}),
      },
    };
  };
}

/** How the person was authenticated, and when (OpenID Connect Core 1.0 section 2). */
function contextOf({ acr, auth_time: authTime }: SignedClaims): SubjectClaims {
  return {
    ...(typeof acr === "string" ? { acr } : {}),
    ...(typeof authTime === "number" ? { auth_time: authTime } : {}),
  };
}

/**
 * Beyond some number Entra leaves the groups out and names a place to ask
 * instead (`_claim_names`, Core section 5.6.2; `hasgroups` in the implicit flow).
 * Somebody's absent groups must not be taken for no groups.
 */
function groupsIn(
  claims: SignedClaims,
  read: JsonReader,
  name: string,
): readonly string[] | "overage" {
  const value = read(claims);
  if (value === undefined) {
    const elsewhere = claims._claim_names;
    const isElsewhere = typeof elsewhere === "object" && elsewhere !== null &&
      Object.hasOwn(elsewhere, name);
    return isElsewhere || claims.hasgroups === true || claims.hasgroups === "true" ? "overage" : [];
  }
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

/**
 * An address with exactly one `@`, in lower case. Anything else is none: of
 * `a@good.example@evil.example` two readers may take different domains.
 */
function addressOf({ email }: SignedClaims): { whole: string; domain: string } | null {
  if (typeof email !== "string" || email.length > 320) return null;
  const parts = email.split("@");
  const [local = "", domain = ""] = parts;
  if (parts.length !== 2 || local === "") return null;
  if (!/^[\x21-\x7E]+$/.test(email) || !/^[A-Za-z0-9.-]+$/.test(domain)) return null;
  return { whole: lower(email), domain: lower(domain) };
}

/** ASCII only: of a letter that has two lower cases nobody should have to know. */
function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function setOf(list: readonly string[] | undefined): ReadonlySet<string> | null {
  return list === undefined ? null : new Set(list);
}
