import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TarInput } from "../src/image/layer/encode-tar.ts";
import { anImage, type BuiltImage, encodeArchive, seededBytes } from "../src/testing/image-builder.ts";
import { startTestRegistry, type TestRegistry } from "../src/testing/registry/start-test-registry.ts";
import { gantryArgv, gantryEnv } from "./harness/gantry.ts";
import { busyboxImage } from "./harness/images.ts";
import { succeedTool } from "./harness/tool.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 240_000;
const LOOSE = "--insecure-options=image,http";
const MOMENTS = 30;

/** Three layers, one of them large enough to be unpacked by a process of its own. */
function threeLayers(seed: number): BuiltImage {
  const big: TarInput = { path: "big", content: seededBytes(seed, 3_000_000) };
  return anImage()
    .withLayer([{ path: "bin", kind: "dir" }, { path: "bin/a", content: `a${seed}`, modeOctal: 0o755 }, big])
    .withLayer([
      { path: "etc", kind: "dir" },
      { path: "etc/b", content: `b${seed}` },
    ])
    .withLayer([{ path: "bin/c", content: `c${seed}` }])
    .build();
}

/** Serves the image under `app:1`; returns what a user would fetch. */
function serve(registry: TestRegistry, image: BuiltImage): string {
  const raw = image.manifest;
  for (const bytes of image.blobs.values()) registry.content.putBlob("app", bytes);
  registry.content.putManifest("app", { raw, mediaType: image.descriptor.mediaType, tag: "1" });
  return `docker://${registry.host}/app:1`;
}

async function problemsOf(
  world: World,
  ...flags: readonly string[]
): Promise<readonly { what: string; problem: string; repair: string }[]> {
  const { stdout, stderr } = await world.gantry([LOOSE, "doctor", "--store", "--json", ...flags]);
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout).problems;
}

function filesBeneath(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return filesBeneath(path);
    return entry.isFile() ? [path] : [];
  });
}

test(
  "eight fetches of one image at once download each blob once",
  async () => {
    await using world = await createWorld();
    const registry = world.use(await startTestRegistry());
    const image = threeLayers(1);
    const name = serve(registry, image);
    const all = await Promise.all(Array.from({ length: 8 }, () => world.succeed([LOOSE, "fetch", name])));
    expect(new Set(all.map(({ stdout }) => stdout.trim()))).toEqual(new Set([String(image.descriptor.digest)]));
    const asked = registry.requests.filter(({ method, url }) => method === "GET" && url.pathname.includes("/blobs/"));
    const counts = Map.groupBy(asked, ({ url }) => url.pathname);
    expect([...counts.values()].map((requests) => requests.length)).toEqual([1, 1, 1, 1]);
    expect(readdirSync(`${world.root}/layers`)).toHaveLength(3);
    expect(await problemsOf(world)).toEqual([]);
  },
  TIMEOUT_MS,
);

/** System calls of a traced program in order, calls that were interrupted put together. */
function readTrace(path: string): string[] {
  const begun = new Map<string, string>();
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, pid = "", text = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
      if (text.endsWith("<unfinished ...>")) {
        begun.set(pid, text.slice(0, -"<unfinished ...>".length).trimEnd());
        return [];
      }
      const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
      return resumed === null ? [text] : [`${begun.get(pid) ?? ""}${resumed[1] ?? ""}`];
    });
}

/** What a fetch renamed, with all its system calls that write, sync or rename. */
async function traceFetch(world: World, name: string) {
  const trace = join(world.dir, "trace");
  const calls = "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2,write,pwrite64,writev";
  const argv = gantryArgv([LOOSE, "fetch", name], { root: world.root, config: world.config });
  await succeedTool(world, ["strace", "-f", "-y", "-qq", "-s", "0", "-e", calls, "-o", trace, ...argv]);
  const lines = readTrace(trace);
  const renamed = lines.flatMap((line, at) => {
    if (!line.startsWith("rename") || !/ = 0$/.test(line)) return [];
    const [from = "", to = ""] = [...line.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? "");
    return to.startsWith(world.root) ? [{ at, from, to: to.slice(world.root.length + 1) }] : [];
  });
  const into = (part: string) => renamed.filter(({ to }) => to.startsWith(part));
  const isContentSynced = ({ at, from }: { at: number; from: string }): boolean => {
    const before = lines.slice(0, at);
    const synced = before.findLastIndex((line) => /^f(data)?sync\(/.test(line) && line.includes(`<${from}>`));
    const syncedAll = before.findLastIndex((line) => line.startsWith("syncfs(") && line.includes(`<${world.root}`));
    const written = before.findLastIndex((line) => /^p?write/.test(line) && line.includes(`<${from}>`));
    return Math.max(synced, syncedAll) > written;
  };
  /** Line of the sync that makes the name durable; infinite when there is none. */
  const nameSyncedAt = ({ at, to }: { at: number; to: string }): number => {
    const dir = `<${dirname(join(world.root, to))}>`;
    const after = lines.slice(at).findIndex((line) => line.startsWith("fsync(") && line.includes(dir));
    return after === -1 ? Infinity : at + after;
  };
  return { renamed, into, isContentSynced, nameSyncedAt };
}

test(
  "from a file: all of the store is synced before it gets its name, its directory after, and names come after what they name",
  async () => {
    await using world = await createWorld();
    const archive = join(world.dir, "app.oci");
    writeFileSync(archive, encodeArchive(threeLayers(2), "1"));
    const { renamed, into, isContentSynced, nameSyncedAt } = await traceFetch(world, `oci-archive:${archive}:1`);
    expect([into("images/blobs/"), into("layers/"), into("refs/")].map((list) => list.length)).toEqual([5, 3, 1]);
    for (const one of renamed) {
      expect([one.to, isContentSynced(one), nameSyncedAt(one) < Infinity]).toEqual([one.to, true, true]);
    }
    const refAt = into("refs/")[0]?.at ?? 0;
    for (const one of [...into("images/blobs/"), ...into("layers/")])
      expect([one.to, nameSyncedAt(one) < refAt]).toEqual([one.to, true]);
  },
  TIMEOUT_MS,
);

test(
  "from a registry: what has no time to be synced is noted durably before it gets its name, and all else is synced",
  async () => {
    await using world = await createWorld();
    const registry = world.use(await startTestRegistry());
    const { renamed, into, isContentSynced, nameSyncedAt } = await traceFetch(world, serve(registry, threeLayers(2)));
    const [note, finished, ...more] = into("unsettled/");
    if (note === undefined || finished === undefined) throw new Error("no note was written");
    expect([more, isContentSynced(note), finished.to.startsWith(note.to)]).toEqual([[], true, true]);
    const unsynced = renamed.filter((one) => !isContentSynced(one) || nameSyncedAt(one) === Infinity);
    const isNoted = ({ at }: { at: number }) => at > nameSyncedAt(note) && at < finished.at;
    expect(unsynced.filter((one) => one !== finished && !isNoted(one)).map(({ to }) => to)).toEqual([]);
    expect(unsynced.filter(({ to }) => /^(images\/blobs|layers)\//.test(to)).length).toBeGreaterThan(0);
    expect(into("refs/")[0]?.at ?? 0).toBeGreaterThan(finished.at);
  },
  TIMEOUT_MS,
);

test(
  `fetch killed at ${MOMENTS} random moments leaves no half blob, layer or name, and the next fetch goes on`,
  async () => {
    await using world = await createWorld();
    const registry = world.use(await startTestRegistry());
    const random = seededBytes(Number(process.env["GANTRY_TEST_SEED"] ?? 4), MOMENTS);
    const image = threeLayers(3);
    const name = serve(registry, image);
    const { elapsedMs } = await timed(() => world.succeed([LOOSE, "fetch", name]));
    for (const byte of random) {
      await world.gantry(["image", "rm", name.slice("docker://".length)]);
      if (byte % 3 === 0) await world.succeed(["image", "gc", "--grace-period=0s"]);
      const options = { root: world.root, config: world.config };
      const child = Bun.spawn(gantryArgv([LOOSE, "fetch", name], options), {
        env: gantryEnv(options),
        stdio: ["ignore", "ignore", "ignore"],
      });
      await Bun.sleep((byte / 256) * elapsedMs);
      child.kill("SIGKILL");
      await child.exited;
      const problems = await problemsOf(world, "--repair");
      // Killed between a name and the list for other tools: the list is made anew, nothing else is ever wrong.
      expect(problems.filter(({ what }) => what !== "images/index.json")).toEqual([]);
    }
    await world.succeed([LOOSE, "fetch", name]);
    expect(JSON.parse((await world.succeed(["image", "verify", "--json"])).stdout)).toMatchObject([
      { isGood: true, layers: 3 },
    ]);
    expect(await problemsOf(world)).toEqual([]);
    const leftovers = () => ["tmp", "partial"].flatMap((dir) => readdirSync(`${world.root}/${dir}`));
    await world.succeed(["image", "gc", "--grace-period=0s"]);
    expect(leftovers()).toEqual([]);
  },
  TIMEOUT_MS,
);

async function timed(work: () => Promise<unknown>): Promise<{ readonly elapsedMs: number }> {
  const from = performance.now();
  await work();
  return { elapsedMs: performance.now() - from };
}

test.each([
  ["SIGINT", 130, "fetch"],
  ["SIGTERM", 143, "fetch"],
  ["SIGINT", 130, "run"],
] as const)(
  "%s to a command that waits for a silent registry ends it with %i, as what it is and no bug (%s)",
  async (signal, exitCode, verb) => {
    await using world = await createWorld();
    const connected = Promise.withResolvers<void>();
    using server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { open: () => connected.resolve(), data: () => undefined },
    });
    const argv = gantryArgv([LOOSE, verb, `docker://127.0.0.1:${server.port}/app:1`], {
      root: world.root,
      config: world.config,
    });
    const child = Bun.spawn(argv, { env: gantryEnv({}), stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    await connected.promise;
    child.kill(signal);
    const [code, stderr] = await Promise.all([child.exited, new Response(child.stderr).text()]);
    expect([code, stderr.includes(`interrupted by ${signal}`), stderr.includes("bug")]).toEqual([
      exitCode,
      true,
      false,
    ]);
  },
  TIMEOUT_MS,
);

test(
  "doctor --store names every file that a power cut emptied or cut short, --repair brings the store back, verify agrees",
  async () => {
    await using world = await createWorld();
    const registry = world.use(await startTestRegistry());
    const name = serve(registry, threeLayers(5));
    await world.succeed([LOOSE, "fetch", name]);
    const isOurs = (path: string) => !/\/(?:audit|locks|tree|tmp|keys|host-trust|verified)\//.test(path);
    const victims = filesBeneath(world.root).filter(
      (path) => isOurs(path.slice(world.root.length)) && statSync(path).size > 0,
    );
    expect(victims.length).toBeGreaterThanOrEqual(11); // five blobs, three end marks, one name, index.json, oci-layout
    for (const [i, victim] of victims.entries()) {
      truncateSync(victim, i % 2 === 0 ? 0 : Math.floor(statSync(victim).size / 2));
      const found = await problemsOf(world);
      expect([victim, found.length > 0]).toEqual([victim, true]);
      await problemsOf(world, "--repair");
      await world.succeed([LOOSE, "fetch", name]);
      expect([victim, await problemsOf(world)]).toEqual([victim, []]);
    }
    const [tree = ""] = filesBeneath(`${world.root}/layers`).filter((path) => path.endsWith("/etc/b"));
    truncateSync(tree, 0);
    const damaged = await world.gantry(["image", "verify", "--json"]);
    expect(damaged.exitCode).toBe(1);
    expect(JSON.parse(damaged.stdout)[0].problems[0].problem).toBe("/etc/b: has 0 bytes, not 2");
    expect((await world.gantry([LOOSE, "image", "verify", "--repair"])).exitCode).toBe(0);
    expect((await world.gantry(["image", "verify"])).exitCode).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "a fetch does not wait for the disk: what a crash of the machine spoilt since is found out, and mended by the next run",
  async () => {
    await using world = await createWorld();
    const registry = world.use(await startTestRegistry());
    const image = busyboxImage().build();
    const name = serve(registry, image);
    const run = async () =>
      (await world.succeed([LOOSE, "run", "--net=none", name, "--exec=/bin/echo", "--", "ran"])).stdout;
    const notes = () => filesBeneath(`${world.root}/unsettled`);
    await world.succeed([LOOSE, "fetch", name]);
    for (let tries = 0; notes().length > 0 && tries < 300; tries++) await Bun.sleep(100);
    expect(notes()).toEqual([]); // all is on the disk now

    await world.succeed(["image", "rm", name]);
    await world.succeed(["image", "gc", "--grace-period=0s"]);
    expect(await run()).toBe("ran\n"); // fetched again on the way, and left to the kernel
    const [note = ""] = notes();
    const noted = JSON.parse(readFileSync(note, "utf8"));
    const layers = image.layers.map(({ digest }) => digest);
    expect([noted.blobs, noted.bootId]).toEqual([
      layers,
      readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    ]);

    // As if the machine had crashed before the disk had the file content.
    writeFileSync(note, JSON.stringify({ ...noted, bootId: "00000000-0000-0000-0000-000000000000" }));
    const trees = noted.layers.map((layer: string) => `${world.root}/layers/${layer}/tree`).filter(existsSync);
    for (const path of trees.flatMap(filesBeneath)) truncateSync(path, 0);
    expect(await run()).toBe("ran\n"); // unpacked again
    const [second = ""] = [...notes(), note];
    writeFileSync(second, JSON.stringify({ ...noted, bootId: "00000000-0000-0000-0000-000000000000" }));
    for (const digest of layers) truncateSync(`${world.root}/images/blobs/${digest.replace(":", "/")}`, 5);
    expect(await run()).toBe("ran\n"); // fetched again
    expect(await problemsOf(world)).toEqual([]);
    expect((await world.gantry(["image", "verify"])).exitCode).toBe(0);

    // A pod that was prepared can rely on its image whatever happens.
    await world.succeed([LOOSE, "prepare", name, "--net=none", "--exec=/bin/true"]);
    expect(notes()).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "image gc never takes an image that a prepared or exited pod uses, however old",
  async () => {
    await using world = await createWorld();
    const registry = world.use(await startTestRegistry());
    const name = serve(registry, threeLayers(6));
    await world.succeed([LOOSE, "fetch", name]);
    const prepared = await world.succeed([LOOSE, "prepare", name, "--net=none", "--exec=/bin/a", "--json"]);
    const { uuid } = JSON.parse(prepared.stdout);
    const gc = async () =>
      JSON.parse((await world.succeed(["image", "gc", "--unused", "--grace-period=0s", "--json"])).stdout);
    const mine = (result: { removedNames: string[] }) => result.removedNames.filter((one) => one.includes("/app:1"));
    expect(mine(await gc())).toEqual([]);
    await world.gantry([LOOSE, "run-prepared", uuid]); // /bin/a is no program: the pod ends, and stays
    expect(mine(await gc())).toEqual([]);
    await world.succeed(["rm", uuid]);
    expect(mine(await gc())).toHaveLength(1);
  },
  TIMEOUT_MS,
);
