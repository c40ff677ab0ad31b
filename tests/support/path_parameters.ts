/**
 * A backend that reads a path as Tomcat and Spring do: each segment loses its
 * parameters (`;x=y`), is decoded, and only then are `.` and `..` resolved.
 *
 * @module
 */
import { plain, type RawUpstream, startRawUpstream } from "./raw_upstream.ts";

/** How such a container reads a request target: what its applications are asked for. */
export function servletPath(target: string): string {
  const path = target.split("?", 1)[0] ?? "";
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    const bare = segment.split(";", 1)[0] ?? "";
    const name = decode(bare);
    // A decoded slash or backslash separates, as in containers that allow them at all.
    for (const part of name.split(/[/\\]/)) {
      if (part === "" || part === ".") continue;
      if (part === "..") segments.pop();
      else segments.push(part);
    }
  }
  return `/${segments.join("/")}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Starts it. The answer's body is the path that an application would be asked for. */
export async function startPathParameterBackend(): Promise<RawUpstream> {
  return await startRawUpstream((request) =>
    plain(`${servletPath(request.target)} as ${request.get("x-auth-subject") ?? "-"}`)
  );
}
