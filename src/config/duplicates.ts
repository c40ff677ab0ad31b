/**
 * Names that stand twice in one object of a JSON text: `JSON.parse` lets the last one win
 * without a word, and a rule that somebody wrote above it is gone.
 *
 * @module
 */

/** What encloses the place that is read. */
interface Enclosing {
  /** Names so far, of an object; `null`: an array. */
  readonly names: Set<string> | null;
  readonly path: string;
  /** Of an array. */
  index: number;
}

/** The paths of names that stand twice, each once. The text has to be JSON. */
export function duplicateNames(text: string): string[] {
  const found = new Set<string>();
  const enclosing: Enclosing[] = [];
  let path = "";
  let isName = false;
  for (let at = 0; at < text.length; at++) {
    const top = enclosing.at(-1);
    switch (text[at]) {
      case "{":
        enclosing.push({ names: new Set(), path, index: 0 });
        isName = true;
        break;
      case "[":
        enclosing.push({ names: null, path, index: 0 });
        path = `${path}[0]`;
        break;
      case "}":
      case "]":
        path = enclosing.pop()?.path ?? "";
        isName = false;
        break;
      case ",":
        if (top === undefined) break;
        isName = top.names !== null;
        if (!isName) path = `${top.path}[${++top.index}]`;
        break;
      case ":":
        isName = false;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (isName && top?.names) {
          const name: string = JSON.parse(text.slice(at, end + 1));
          path = top.path === "" ? name : `${top.path}.${name}`;
          if (top.names.has(name)) found.add(path);
          top.names.add(name);
        }
        at = end;
      }
    }
  }
  return [...found];
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}
