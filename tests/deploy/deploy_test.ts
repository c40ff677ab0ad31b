/** What `deploy/` holds, checked as far as a machine without containers can. */
import assert from "node:assert/strict";
import { productionConfig } from "../../deploy/slim.ts";
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { freePort } from "../support/ports.ts";
import { report } from "../support/report.ts";
import { until } from "../support/until.ts";

const ROOT = new URL("../../", import.meta.url);
const DEPLOY = new URL("deploy/", ROOT);

/** What production may do: no other programs, no native code, no system information. */
const RIGHTS = [
  "--no-prompt",
  "--allow-net",
  "--allow-env",
  "--allow-read",
  "--allow-write",
];

async function run(
  command: string,
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly cwd?: string } = {},
): Promise<{ readonly code: number; readonly output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    ...(options.env === undefined ? {} : { env: options.env }),
    cwd: options.cwd ?? ROOT,
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

const read = (path: string) => Deno.readTextFile(new URL(path, DEPLOY));

Deno.test("production's libraries are those that src imports, at the root's versions; deploy/slim.ts writes them", async () => {
  assert.deepEqual(
    JSON.parse(await read("production.json")),
    await productionConfig(),
  );
  const lock = await read("production.lock");
  for (
    const tool of [
      "wrangler",
      "workerd",
      "playwright-core",
      "axe-core",
      "oidc-provider",
    ]
  ) {
    assert.ok(!lock.includes(`"${tool}@`), tool);
  }
});

Deno.test("it runs from src and deploy alone, with few rights, and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-prod-" });
  await run("cp", ["-r", "src", `${folder}/src`]);
  await Deno.mkdir(`${folder}/deploy`);
  for (const file of ["production.json", "production.lock"]) {
    await Deno.copyFile(new URL(file, DEPLOY), `${folder}/deploy/${file}`);
  }
  const admin = `${folder}/data/admin.sock`;
  await Deno.mkdir(`${folder}/data`);
  const port = freePort();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--config", "deploy/production.json", ...RIGHTS.slice(0, -1)],
      ...[`--allow-write=${folder}/data`, "src/main.ts", "start"],
    ],
    cwd: folder,
    env: {
      POSTERN_CONFIG: JSON.stringify({
        origin: `http://localhost:${port}`,
        identity: {
          kind: "upstream",
          url: "http://127.0.0.1:9/login",
          subject: "/id",
        },
        store: { kind: "sqlite", path: `${folder}/data/postern.db` },
        upstreams: { app: { targets: ["http://127.0.0.1:9"] } },
        routes: [{ path: "/*", upstream: "app" }],
      }),
      POSTERN_KEYS: JSON.stringify(await generateKeySet()),
      POSTERN_PORT: String(port),
      POSTERN_ADMIN: `unix:${admin}`,
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await until(async () => {
    const { output } = await run("curl", [
      ...["-sS", "--unix-socket", admin, "http://localhost/readyz"],
    ]);
    return output.includes('"ready"');
  }, "ready");
  child.kill("SIGTERM");
  const { code, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.deepEqual(
    (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name)
      .sort(),
    ["data", "deploy", "src"],
    "no node_modules",
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("production's own tasks work from any folder, and fetch nothing but its libraries", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-task-" });
  await Deno.mkdir(`${folder}/opt/deploy`, { recursive: true });
  await Deno.mkdir(`${folder}/etc`);
  await run("cp", ["-r", "src", `${folder}/opt/src`]);
  // As in a checkout, whose deno.json names the tools of the tests.
  await Deno.copyFile(new URL("deno.json", ROOT), `${folder}/opt/deno.json`);
  for (const file of ["production.json", "production.lock"]) {
    await Deno.copyFile(new URL(file, DEPLOY), `${folder}/opt/deploy/${file}`);
  }
  const config = {
    origin: "http://localhost:1",
    identity: { kind: "upstream", url: "http://127.0.0.1:9/login", subject: "/id" },
    upstreams: { app: { targets: ["http://127.0.0.1:9"] } },
    routes: [{ path: "/here/*", upstream: "app" }],
  };
  await Deno.writeTextFile(`${folder}/etc/postern.json`, JSON.stringify(config));
  const command = `task --config ${folder}/opt/deploy/production.json postern config check`;
  const { code, output } = await run(
    "env",
    // A task inside a task, as these tests are one, keeps the folder of the outer one.
    ["-u", "INIT_CWD", Deno.execPath(), ...command.split(" ")],
    { cwd: `${folder}/etc`, env: { POSTERN_KEYS: JSON.stringify(await generateKeySet()) } },
  );
  assert.equal(code, 0, output);
  assert.match(output, /good: 1 route to 1 upstream/);
  assert.deepEqual(
    (await Array.fromAsync(Deno.readDir(`${folder}/opt`))).map(({ name }) => name).sort(),
    ["deno.json", "deploy", "src"],
    "no node_modules",
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the configurations that are shipped are good", async () => {
  for (
    const file of ["docker/config/postern.json", "kubernetes/postern.json"]
  ) {
    const { code, output } = await run(
      Deno.execPath(),
      [
        "run",
        "-A",
        "--no-check",
        "src/main.ts",
        "config",
        "check",
        `deploy/${file}`,
      ],
      { env: { POSTERN_KEYS: JSON.stringify(await generateKeySet()) } },
    );
    assert.equal(code, 0, `${file}: ${output}`);
  }
});

Deno.test("every file that starts the gateway gives it the same few rights", async () => {
  for (const file of ["docker/Dockerfile", "systemd/postern.service"]) {
    const text = await read(file);
    assert.match(text, /--cached-only/, file);
    assert.doesNotMatch(text, /--allow-(?:all|run|ffi|sys)|\s-A\s+src/, file);
    for (const right of RIGHTS.slice(0, -1)) {
      assert.ok(text.includes(right), `${file}: ${right}`);
    }
  }
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", ROOT)),
  );
  assert.ok(
    tasks.start.includes(`--config deploy/production.json ${RIGHTS.join(" ")} `),
    tasks.start,
  );
});

Deno.test("the time to stop that orchestrators grant is longer than the gateway asks for", async () => {
  const { stop } = JSON.parse(await read("kubernetes/postern.json"));
  const asked = Number.parseInt(stop.delay) + Number.parseInt(stop.grace);
  const [, granted] = /terminationGracePeriodSeconds: (\d+)/.exec(
    await read("kubernetes/postern.yaml"),
  ) ?? [];
  assert.ok(Number(granted) > asked, `${granted} s for ${asked} s`);
  const [, unit] = /^TimeoutStopSec=(\d+)$/m.exec(await read("systemd/postern.service")) ?? [];
  assert.ok(Number(unit) > 10);
});

Deno.test("systemd finds nothing wrong with the unit, and little that it could still do", async () => {
  const analyze = "/usr/bin/systemd-analyze";
  const path = new URL("systemd/postern.service", DEPLOY).pathname;
  const verify = await run(analyze, ["verify", path]);
  const about = verify.output.split("\n").filter((line) => line.includes("postern.service"));
  // Where it is not installed, the program that it starts is not there either.
  assert.deepEqual(about.filter((line) => !/is not executable/.test(line)), []);
  const security = await run(analyze, ["security", "--offline=true", path]);
  const [, score] = /Overall exposure level for \S+: ([\d.]+)/.exec(security.output) ?? [];
  report(`systemd-analyze security: ${score} (0 is best, 10 worst)`);
  assert.ok(Number(score) < 2, security.output);
});
