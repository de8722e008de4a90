import { expect, test } from "bun:test";
import { chmodSync, lchownSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gantryArgv } from "./harness/gantry.ts";
import { createGpgKey } from "./harness/gpg-key.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { createWorld, type World } from "./harness/world.ts";

// Stored images, and the commands that only tell: config, doctor, completion, version, cat-manifest.
const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";

const namesIn = async (world: World): Promise<string[]> =>
  JSON.parse((await world.succeed(["image", "list", "--json"])).stdout)
    .flatMap(({ names }: { names: string[] }) => names)
    .filter((name: string) => !name.startsWith("localhost/gantry/stage1"))
    .sort();

test(
  "images: listed with who vouched, removed by name and by digest, kept while a pod needs them, collected after it",
  async () => {
    await using world = await createWorld();
    const key = await createGpgKey(world);
    const archive = writeArchive(world, "app");
    await key.sign(archive);
    await world.succeed(["trust", "add", "--root", key.publicFile, `--fingerprint=${key.fingerprint}`]);
    const [fetched] = JSON.parse((await world.succeed(["fetch", "--json", `oci-archive:${archive}:1`])).stdout);
    expect(fetched).toMatchObject({ name: "localhost/app:1", verifiedBy: [key.fingerprint], cached: false });
    await world.succeed(["fetch", `oci-archive:${archive}:example.com/team/app:2`]);
    const [listed] = JSON.parse((await world.succeed(["image", "list", "--json"])).stdout);
    expect(listed).toMatchObject({ digest: fetched.digest, platform: "linux/amd64", verifiedBy: [key.fingerprint] });
    expect(await namesIn(world)).toEqual(["example.com/team/app:2", "localhost/app:1"]);
    expect((await world.succeed(["image", "list"])).stdout).toContain("example.com/team/app:2");

    const hex = fetched.digest.slice("sha256:".length);
    const byDigest = await world.succeed(["-q", "run", "--net=none", hex.slice(0, 12)]);
    expect(byDigest.stdout).toBe("hello\n");
    expect((await world.gantry(["run", "--net=none", "0".repeat(12)])).exitCode).toBe(254);
    await world.succeed(["gc", "--grace-period=0s"]);

    await world.succeed(["prepare", "--net=none", "--name=keeper", "localhost/app:1"]);
    await world.succeed(["image", "rm", "localhost/app:1"]);
    expect((await world.gantry(["image", "rm", "example.com/team/app:2"])).exitCode).toBe(5);
    await world.succeed(["image", "gc", "--grace-period=0s"]);
    const ran = await world.succeed(["-q", "run-prepared", "keeper"]);
    expect(ran.stdout).toBe("hello\n");
    expect((await world.gantry(["run-prepared", "keeper"])).exitCode).toBe(254);
    await world.succeed(["rm", "keeper"]);
    await world.succeed(["image", "rm", hex.slice(0, 12)]);
    expect(await namesIn(world)).toEqual([]);
    const plan = JSON.parse((await world.succeed(["image", "gc", "--grace-period=0s", "--dry-run", "--json"])).stdout);
    expect(plan.removedImages).toEqual([fetched.digest]);
    const done = JSON.parse((await world.succeed(["image", "gc", "--grace-period=0s", "--json"])).stdout);
    expect(done).toEqual(plan);
    expect((await world.gantry(["image", "rm", "localhost/app:1"])).exitCode).toBe(3);
  },
  TIMEOUT_MS,
);

test(
  "images: what lies in the store is an OCI layout that skopeo reads, and a damaged blob is noticed at the start",
  async () => {
    await using world = await createWorld();
    const archive = writeArchive(world, "app", busyboxImage([{ path: "one", content: "1" }]));
    const [{ digest }] = JSON.parse(
      (await world.succeed([LOOSE, "fetch", "--json", `oci-archive:${archive}:1`])).stdout,
    );
    const copied = Bun.spawnSync(["skopeo", "inspect", "--raw", `oci:${join(world.root, "images")}:localhost/app:1`]);
    const manifest = join(world.root, "images/blobs/sha256", digest.slice(7));
    expect(copied.stdout.toString()).toBe(readFileSync(manifest, "utf8"));
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace("layers", "Layers"));
    const failed = await world.gantry([LOOSE, "run", "--net=none", "--pull=never", "localhost/app:1", "--json"]);
    expect(failed.exitCode).toBe(254);
    await world.succeed([LOOSE, "fetch", `oci-archive:${archive}:1`]);
    expect((await world.succeed([LOOSE, "-q", "run", "--net=none", "localhost/app:1"])).stdout).toBe("hello\n");
  },
  TIMEOUT_MS,
);

test(
  "commands that tell: version, config, doctor, completion, cat-manifest, help, and suggestions for what is misspelt",
  async () => {
    await using world = await createWorld();
    expect((await world.succeed(["version"])).stdout).toMatch(/^gantry \d+\.\d+\.\d+/);
    expect(JSON.parse((await world.succeed(["version", "--json"])).stdout)).toMatchObject({
      version: expect.any(String),
    });
    const config = (await world.succeed(["config"])).stdout;
    expect(JSON.parse(config)).toBeObject();
    expect(config).toContain(world.root);
    const doctor = await world.gantry(["doctor", "--json"]);
    const checks = JSON.parse(doctor.stdout);
    expect(checks.length).toBeGreaterThan(5);
    for (const shell of ["bash", "zsh", "fish"]) {
      const script = join(world.dir, `completion.${shell}`);
      writeFileSync(script, (await world.succeed(["completion", shell])).stdout);
      expect([shell, readFileSync(script, "utf8").includes("run-prepared")]).toEqual([shell, true]);
    }
    const complete = `. ${join(world.dir, "completion.bash")}; COMP_WORDS=(gantry ru); COMP_CWORD=1
      COMP_LINE="gantry ru"; COMP_POINT=9; $(complete -p gantry | sed 's/.*-F \\([^ ]*\\).*/\\1/') gantry ru gantry; echo "\${COMPREPLY[@]}"`;
    expect(Bun.spawnSync(["bash", "-c", complete]).stdout.toString()).toContain("run-prepared");

    const archive = writeArchive(world, "app");
    const prepare = [LOOSE, "prepare", "--json", "--name=shown", "--env=SECRET=1", `oci-archive:${archive}:1`];
    const { uuid } = JSON.parse((await world.succeed(prepare)).stdout);
    const manifest = JSON.parse((await world.succeed(["cat-manifest", "shown"])).stdout);
    expect(manifest).toMatchObject({ uuid, name: "shown", apps: [{ name: "app", env: ["SECRET=1"] }] });
    const events = (await world.succeed(["audit", "log", "--json"])).stdout;
    expect(events).toContain("pod.prepared");
    expect(events).not.toContain("SECRET");

    for (const [args, code, hint] of [
      [["rnu"], 2, "run"],
      [["run", "--nam=x", "img"], 254, "--name"],
      [["image", "lst"], 2, "list"],
      [["status", "nopod"], 3, "gantry list"],
      [["completion", "tcsh"], 2, "bash"],
      [["stop"], 2, ""],
    ] as const) {
      const failed = await world.gantry(args);
      expect([args, failed.exitCode, failed.stderr.includes(hint)]).toEqual([args, code, true]);
      expect(failed.stderr).toContain("hint: ");
    }
    expect((await world.succeed(["run", "--help"])).stdout).toContain("--readonly-rootfs");
  },
  TIMEOUT_MS,
);

test(
  "images: build and convert give the same digests on machines that differ in owner, umask, clock, zone, locale and order of files",
  async () => {
    const machines = [
      { order: ["a", "b", "sub/c"], umask: "022", env: { TZ: "UTC", LC_ALL: "C", HOME: "/root" }, owner: 0, mtime: 1 },
      {
        order: ["sub/c", "b", "a"],
        umask: "077",
        env: { TZ: "Asia/Tokyo", LC_ALL: "C.UTF-8", HOME: "/nonexistent" },
        owner: 1000,
        mtime: 1_700_000_000,
      },
    ];
    const results: unknown[] = [];
    for (const { order, umask, env, owner, mtime } of machines) {
      await using world = await createWorld();
      const dir = join(world.dir, "files");
      mkdirSync(join(dir, "sub"), { recursive: true, mode: 0o755 });
      for (const name of order) {
        writeFileSync(join(dir, name), name);
        chmodSync(join(dir, name), 0o644);
      }
      for (const path of [...order, "sub", "."].map((name) => join(dir, name))) {
        lchownSync(path, owner, owner);
        utimesSync(path, mtime, mtime);
      }
      const run = async (args: readonly string[]): Promise<string> => {
        const argv = gantryArgv(args, { root: world.root, config: world.config });
        const script = ["sh", "-c", `umask ${umask}; exec "$@"`, "sh", ...argv];
        const settings = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", SOURCE_DATE_EPOCH: "1600000000", ...env };
        const child = Bun.spawn(script, { env: settings, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
        const [stdout, stderr] = await Promise.all([
          new Response(child.stdout).text(),
          new Response(child.stderr).text(),
        ]);
        if ((await child.exited) !== 0) throw new Error(stderr);
        return stdout;
      };
      const built = await run([
        "image",
        "build",
        "--json",
        `--add=${dir}:/data`,
        "--entrypoint=/data/a",
        "localhost/app:1",
      ]);
      const out = join(world.dir, "out");
      await run(["image", "export", "localhost/app:1", "-o", `oci-archive:${out}.oci`]);
      await run(["image", "convert", `oci-archive:${out}.oci`, `aci:${out}.aci`]);
      await run(["image", "convert", `aci:${out}.aci`, `docker-archive:${out}.docker`]);
      results.push({
        digest: JSON.parse(built).digest,
        files: ["oci", "aci", "docker"].map((kind) => Bun.SHA256.hash(readFileSync(`${out}.${kind}`), "hex")),
      });
    }
    expect(results[0]).toMatchObject({ digest: expect.stringMatching(/^sha256:/) });
    expect(results[1]).toEqual(results[0]);
  },
  TIMEOUT_MS,
);
