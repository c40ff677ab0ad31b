/**
 * The words of the pages, by language. A configuration may change any of them
 * (`pages.texts`) and add languages.
 *
 * @module
 */

const en = {
  language: "en",
  signInTo: "Sign in to {name}",
  hint: "",
  username: "User name",
  password: "Password",
  signIn: "Sign in",
  wrong: "User name or password is not right. Please try again.",
  missing: "Please fill in both fields.",
  throttled: "Too many failed attempts. Please try again in {minutes} min.",
  unavailable: "Signing in is not possible at the moment. Please try again shortly.",
  refused: "This form did not come from this site. Please try again.",
  tooLarge: "Your account can not be signed in here. Please tell the people who run this site.",
  expired: "Your session has expired. Please sign in again.",
  signedOut: "You are signed out.",
  signedOutHere:
    "You are signed out in this browser, but the session could not be ended everywhere. Please sign out again later.",
  or: "or",
  signInWith: "Sign in with {provider}",
  accessDenied: "You were not signed in: it was declined at {provider}.",
  loginRequired: "{provider} asks you to sign in there again.",
  stepUpFailed: "This page asks for a stronger sign-in than {provider} could give.",
  providerUnavailable: "{provider} can not be reached at the moment. Please try again shortly.",
  notAvailable: "Not available at the moment.",
  providerFailed: "Signing in with {provider} did not work. Please try again.",
  startAgain: "That sign-in was begun elsewhere or too long ago. Please sign in again.",
  notAllowed: "Your account at {provider} has no access here.",
  emailUnverified: "Your e-mail address has not been confirmed at {provider}.",
  groupsOverage:
    "Your account at {provider} is in too many groups to be checked. Please tell the people who run this site.",
  signingOut: "You are signed out here.",
  signOutAt: "Sign out there as well",
  account: "Your devices",
  signedInAs: "Signed in as {subject}",
  thisDevice: "This device",
  bound: "Bound to the device",
  boundMeans: "Whoever copies the cookies of this session can do nothing with them elsewhere.",
  renewing: "One moment, please.",
  signInAgain: "Sign in again",
  bindingFailed:
    "This page is only shown where the browser binds your session to this device, and yours could not.",
  signedInAt: "Signed in",
  lastSeen: "Last seen",
  end: "Sign out",
  endOf: "Sign out {device}",
  signOut: "Sign out here",
  signOutEverywhere: "Sign out everywhere",
  ended: "The device is signed out.",
  unknownDevice: "Unknown device",
  on: "{browser} on {system}",
  back: "Back to {name}",
} as const;

/** The name of a text. */
export type TextName = keyof typeof en;

/** All texts of one language. */
export type Texts = Readonly<Record<TextName, string>>;

const de: Texts = {
  language: "de",
  signInTo: "Bei {name} anmelden",
  hint: "",
  username: "Benutzername",
  password: "Passwort",
  signIn: "Anmelden",
  wrong: "Benutzername oder Passwort stimmt nicht. Bitte noch einmal versuchen.",
  missing: "Bitte beide Felder ausfüllen.",
  throttled: "Zu viele Fehlversuche. Bitte in {minutes} Min. wieder versuchen.",
  unavailable: "Die Anmeldung ist gerade nicht möglich. Bitte gleich noch einmal versuchen.",
  refused: "Dieses Formular kam nicht von dieser Seite. Bitte noch einmal versuchen.",
  tooLarge: "Dieses Konto lässt sich hier nicht anmelden. Bitte den Betreibern Bescheid geben.",
  expired: "Die Sitzung ist abgelaufen. Bitte neu anmelden.",
  signedOut: "Sie sind abgemeldet.",
  signedOutHere:
    "Sie sind in diesem Browser abgemeldet, aber die Sitzung ließ sich nicht überall beenden. Bitte später noch einmal abmelden.",
  or: "oder",
  signInWith: "Mit {provider} anmelden",
  accessDenied: "Sie wurden nicht angemeldet: Bei {provider} wurde abgelehnt.",
  loginRequired: "{provider} möchte, dass Sie sich dort neu anmelden.",
  stepUpFailed: "Diese Seite verlangt eine stärkere Anmeldung, als {provider} geben konnte.",
  providerUnavailable:
    "{provider} ist gerade nicht erreichbar. Bitte gleich noch einmal versuchen.",
  notAvailable: "Gerade nicht verfügbar.",
  providerFailed: "Die Anmeldung mit {provider} hat nicht geklappt. Bitte noch einmal versuchen.",
  startAgain:
    "Diese Anmeldung wurde anderswo oder vor zu langer Zeit begonnen. Bitte neu anmelden.",
  notAllowed: "Ihr Konto bei {provider} hat hier keinen Zugang.",
  emailUnverified: "Ihre E-Mail-Adresse ist bei {provider} nicht bestätigt.",
  groupsOverage:
    "Ihr Konto bei {provider} ist in zu vielen Gruppen, um geprüft zu werden. Bitte den Betreibern Bescheid geben.",
  signingOut: "Sie sind hier abgemeldet.",
  signOutAt: "Auch dort abmelden",
  account: "Ihre Geräte",
  signedInAs: "Angemeldet als {subject}",
  thisDevice: "Dieses Gerät",
  bound: "An das Gerät gebunden",
  boundMeans: "Wer die Cookies dieser Sitzung kopiert, kann anderswo nichts damit anfangen.",
  renewing: "Einen Moment, bitte.",
  signInAgain: "Neu anmelden",
  bindingFailed:
    "Diese Seite wird nur gezeigt, wo der Browser Ihre Sitzung an das Gerät bindet, und Ihrer konnte es nicht.",
  signedInAt: "Angemeldet",
  lastSeen: "Zuletzt gesehen",
  end: "Abmelden",
  endOf: "{device} abmelden",
  signOut: "Hier abmelden",
  signOutEverywhere: "Überall abmelden",
  ended: "Das Gerät ist abgemeldet.",
  unknownDevice: "Unbekanntes Gerät",
  on: "{browser} auf {system}",
  back: "Zurück zu {name}",
};

/** Changed texts by language (`"en"`, `"de"`, …). */
export type TextOverrides = Readonly<Record<string, Readonly<Partial<Record<TextName, string>>>>>;

/** Names of all texts, for the configuration's schema. */
export const TEXT_NAMES = Object.keys(en).filter((name) => name !== "language") as TextName[];

/** The languages that Postern speaks by itself. */
export const LANGUAGES: readonly string[] = ["en", "de"];

/**
 * Prepares the choice of a language: the first of `Accept-Language` that is
 * there (RFC 9110 §12.5.4), else the first of the catalogue.
 */
export function createTexts(
  overrides: TextOverrides,
  fixed: string | null,
): (acceptLanguage: string | null) => Texts {
  const catalogue = new Map<string, Texts>();
  for (const language of new Set([...LANGUAGES, ...Object.keys(overrides)])) {
    const base = language === "de" ? de : en;
    catalogue.set(language, { ...base, language, ...overrides[language] });
  }
  const fallback = catalogue.get(fixed ?? "en") ?? en;
  return function textsFor(acceptLanguage) {
    if (fixed !== null || acceptLanguage === null) return fallback;
    const wanted = acceptLanguage.split(",")
      .map((part) => {
        const [tag = "", ...parameters] = part.trim().toLowerCase().split(";");
        const q = /^\s*q=([\d.]+)$/.exec(parameters[0] ?? "")?.[1];
        return { tag, weight: q === undefined ? 1 : Number(q) };
      })
      .filter(({ weight }) => weight > 0)
      .sort((a, b) => b.weight - a.weight);
    for (const { tag } of wanted) {
      const texts = catalogue.get(tag) ?? catalogue.get(tag.split("-", 1)[0] ?? "");
      if (texts !== undefined) return texts;
    }
    return fallback;
  };
}

/** A text with its blanks filled in. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (blank, name) => String(values[name] ?? blank));
}
