/** Prints a measured fact beside the test's name. */
export function report(fact: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`      ${fact}\n`));
}
