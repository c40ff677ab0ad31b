/**
 * A configuration that changes is noticed, however it changes.
 */
import assert from "node:assert/strict";
import { watchFiles } from "../../src/runtime/deno/watch_files.ts";
import { until } from "../support/until.ts";

/** Lays files out in a folder of its own, watches `path`, changes something. */
async function isNoticed(
  layOut: (folder: string) => Promise<string>,
  change: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "postern-watch-" });
  let changes = 0;
  const path = await layOut(folder);
  const watch = watchFiles(() => changes++, { lookEveryMs: 20 });
  try {
    watch.set([path]);
    // What goes on around it is nothing.
    await Deno.writeTextFile(`${folder}/other.json`, "{}");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(changes, 0);
    // Twice, for what was watched first may be gone by then.
    await change(folder);
    await until(() => changes > 0, "the first change is noticed");
    await new Promise((resolve) => setTimeout(resolve, 300));
    changes = 0;
    watch.set([path]);
    await Deno.writeTextFile(path, "a third one, of another length");
    await until(() => changes > 0, "the second change is noticed");
  } finally {
    watch.close();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a file that is written, or replaced", async () => {
  const layOut = async (folder: string) => {
    await Deno.writeTextFile(`${folder}/postern.json`, "one");
    return `${folder}/postern.json`;
  };
  await isNoticed(layOut, (folder) => Deno.writeTextFile(`${folder}/postern.json`, "two"));
  await isNoticed(layOut, async (folder) => {
    await Deno.writeTextFile(`${folder}/.new`, "two");
    await Deno.rename(`${folder}/.new`, `${folder}/postern.json`);
  });
});

Deno.test("a link to a file in another folder", () =>
  isNoticed(async (folder) => {
    await Deno.mkdir(`${folder}/etc`);
    await Deno.mkdir(`${folder}/real`);
    await Deno.writeTextFile(`${folder}/real/file.json`, "one");
    await Deno.symlink(`${folder}/real/file.json`, `${folder}/etc/postern.json`);
    return `${folder}/etc/postern.json`;
  }, (folder) => Deno.writeTextFile(`${folder}/real/file.json`, "number two")));

Deno.test("a folder that is a link, and leads to another release", () =>
  isNoticed(async (folder) => {
    for (const release of ["1", "2"]) {
      await Deno.mkdir(`${folder}/${release}`);
      await Deno.writeTextFile(`${folder}/${release}/postern.json`, release);
    }
    await Deno.symlink(`${folder}/1`, `${folder}/current`);
    return `${folder}/current/postern.json`;
  }, async (folder) => {
    await Deno.symlink(`${folder}/2`, `${folder}/next`);
    await Deno.rename(`${folder}/next`, `${folder}/current`);
  }));

Deno.test("a folder that goes away and comes back", () =>
  isNoticed(async (folder) => {
    await Deno.mkdir(`${folder}/etc`);
    await Deno.writeTextFile(`${folder}/etc/postern.json`, "one");
    return `${folder}/etc/postern.json`;
  }, async (folder) => {
    await Deno.remove(`${folder}/etc`, { recursive: true });
    await Deno.mkdir(`${folder}/etc`);
    await Deno.writeTextFile(`${folder}/etc/postern.json`, "two");
  }));
