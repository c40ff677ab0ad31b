import assert from "node:assert/strict";
import { commandForAPerson, INSTALL, installCommand, missingPackages, PACKAGES } from "./setup.ts";

const wrk = PACKAGES.filter(({ name }) => name === "wrk");
const nginx = PACKAGES.filter(({ name }) => name === "nginx-light");

Deno.test("exactly the packages whose proof is absent are missing", async () => {
  const names = async (exists: (path: string) => boolean) =>
    (await missingPackages((path) => Promise.resolve(exists(path)))).map(({ name }) => name);
  assert.deepEqual(await names(() => true), []);
  assert.deepEqual(await names((path) => path !== "/usr/bin/wrk"), ["wrk"]);
  assert.deepEqual(await names(() => false), PACKAGES.map(({ name }) => name));
});

Deno.test("root installs directly, sudo without a question, and nobody else at all", () => {
  assert.equal(installCommand(wrk, "root")?.[0], "sh");
  assert.deepEqual(installCommand(wrk, "sudo")?.slice(0, 3), ["sudo", "-n", "sh"]);
  assert.equal(installCommand(wrk, "none"), null);
  assert.deepEqual(installCommand([...wrk, ...nginx], "root")?.slice(-4), [
    "/usr/sbin/policy-rc.d",
    "nginx",
    "wrk",
    "nginx-light",
  ]);
});

Deno.test("a person gets one line to paste", () => {
  assert.equal(
    commandForAPerson([...nginx, ...wrk]),
    "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends nginx-light wrk'",
  );
});

/** Runs the install script with programs that only write down how they were called. */
async function runInstall(
  { installExit, policyBefore, disableExit = 0 }: {
    installExit: number;
    policyBefore: string | null;
    disableExit?: number;
  },
): Promise<{ code: number; calls: string[]; policyAfter: string | null }> {
  const folder = await Deno.makeTempDir();
  const policy = `${folder}/policy-rc.d`;
  try {
    const recorder = (program: string, exit: number) =>
      `#!/bin/sh\nsh ${policy}; echo "${program} $* policy=$?" >> ${folder}/calls\n` +
      `case "$*" in *install*) exit ${exit};; *disable*) exit ${disableExit};; esac\n`;
    for (const program of ["apt-get", "update-rc.d", "systemctl"]) {
      const path = `${folder}/${program}`;
      await Deno.writeTextFile(path, recorder(program, installExit), { mode: 0o755 });
    }
    if (policyBefore !== null) await Deno.writeTextFile(policy, policyBefore);
    const { code } = await new Deno.Command("sh", {
      args: ["-c", INSTALL, "install", policy, "nginx redis-server", "nginx-light", "redis-server"],
      env: { PATH: `${folder}:/usr/bin:/bin` },
      stdout: "null",
      stderr: "null",
    }).output();
    const calls = (await Deno.readTextFile(`${folder}/calls`)).trim().split("\n");
    const policyAfter = await Deno.readTextFile(policy).catch(() => null);
    return { code, calls, policyAfter };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("no service starts while packages are installed, nor at the next boot", async () => {
  const { code, calls, policyAfter } = await runInstall({ installExit: 0, policyBefore: null });
  assert.equal(code, 0);
  assert.deepEqual(calls, [
    "apt-get -q -o DPkg::Lock::Timeout=300 update policy=101",
    "apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends " +
    "nginx-light redis-server policy=101",
    "update-rc.d nginx disable policy=101",
    "update-rc.d redis-server disable policy=101",
  ]);
  assert.equal(policyAfter, null);
});

Deno.test("a service that only systemd knows does not fail the install", async () => {
  const { code, calls } = await runInstall({
    installExit: 0,
    policyBefore: null,
    disableExit: 1,
  });
  assert.equal(code, 0);
  assert.deepEqual(calls.slice(2), [
    "update-rc.d nginx disable policy=101",
    "systemctl disable nginx policy=101",
    "update-rc.d redis-server disable policy=101",
    "systemctl disable redis-server policy=101",
  ]);
});

Deno.test("a failed install fails, and leaves no policy behind", async () => {
  const { code, policyAfter } = await runInstall({ installExit: 100, policyBefore: null });
  assert.equal(code, 100);
  assert.equal(policyAfter, null);
});

Deno.test("a policy that the machine already has is left as it is", async () => {
  const { code, policyAfter } = await runInstall({ installExit: 0, policyBefore: "exit 0\n" });
  assert.equal(code, 0);
  assert.equal(policyAfter, "exit 0\n");
});
