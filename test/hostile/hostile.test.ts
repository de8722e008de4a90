import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gantryArgv, gantryEnv } from "../harness/gantry.ts";
import { createWorld, type World } from "../harness/world.ts";
import { CORPUS } from "./corpus.ts";
import type { HostileCase } from "./hostile-case.ts";

const LOOSE = "--insecure-options=image";
const MAX_RSS_BYTES = 512 * 1024 * 1024;
const TIME_LIMIT_MS = 120_000;
const VICTIM = "untouched\n";

let world: World;
let outside = "";
beforeAll(async () => {
  world = await createWorld();
  outside = join(world.dir, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "victim"), VICTIM);
  // By a process of its own: a child's peak memory begins with that of the process that started it.
  const script = new URL("write-corpus.ts", import.meta.url).pathname;
  const written = Bun.spawnSync([process.execPath, script, join(world.dir, "corpus"), outside], { stderr: "inherit" });
  const fingerprint = written.stdout.toString().trim();
  await world.succeed([
    "trust",
    "add",
    "--root",
    join(world.dir, "corpus", "trusted.asc"),
    `--fingerprint=${fingerprint}`,
  ]);
}, TIME_LIMIT_MS);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly maxRssBytes: number;
}

async function measured(root: string, args: readonly string[]): Promise<Ended> {
  const options = { root, config: world.config };
  const child = Bun.spawn(gantryArgv(args, options), {
    env: gantryEnv(options),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: TIME_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { exitCode: child.exitCode, stdout, stderr, maxRssBytes: child.resourceUsage()?.maxRSS ?? 0 };
}

/** Names in a directory that need not exist. */
function listed(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

/** Bytes as latin1, so that names that are no text can be written down. */
function exists(tree: string, path: string): boolean {
  try {
    lstatSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(path, "latin1")]));
    return true;
  } catch {
    return false;
  }
}

function errorCode(stderr: string): string {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  return line.startsWith("{") ? String(JSON.parse(line).error.code) : line;
}

/** Cases that start a pod share a store, for its stage1; every other one has its own, so that none helps another. */
function startsPod({ expect: verdict }: HostileCase): boolean {
  return verdict.kind === "refused" ? verdict.code.startsWith("pod/") : verdict.run !== undefined;
}

async function fetchCase(one: HostileCase, root: string): Promise<{ readonly ended: Ended; readonly image: string }> {
  const file = join(world.dir, "corpus", `${one.name}.tar`);
  const image = `${one.transport ?? "oci-archive"}:${file}${one.transport === undefined ? ":1" : ""}`;
  const trust = one.signature === undefined ? [LOOSE] : [];
  // What the config says is looked at when a pod is made of it.
  const verb = one.expect.kind === "refused" && startsPod(one) ? ["run", "--net=none"] : ["fetch"];
  return { ended: await measured(root, [...trust, "--json", ...verb, image]), image };
}

for (const one of CORPUS) {
  test(
    `hostile file ${one.name} is ${one.expect.kind}${one.expect.kind === "refused" ? ` with ${one.expect.code}` : `: ${one.expect.why}`}`,
    async () => {
      const root = startsPod(one) ? world.root : join(world.dir, "roots", one.name);
      mkdirSync(root, { recursive: true });
      const before = new Set(listed(join(root, "layers")));
      const { ended, image } = await fetchCase(one, root);
      const added = listed(join(root, "layers")).filter((name) => !before.has(name));
      if (one.expect.kind === "refused") {
        const own = startsPod(one) ? 254 : one.expect.exitCode;
        expect([ended.exitCode, errorCode(ended.stderr)]).toEqual([own, one.expect.code]);
        expect(ended.stderr).toContain("hint");
      } else {
        expect([ended.exitCode, ended.exitCode === 0 ? "" : ended.stderr]).toEqual([0, ""]);
        const found = (path: string): boolean => added.some((name) => exists(join(root, "layers", name, "tree"), path));
        for (const path of one.expect.has ?? []) expect([path, found(path)]).toEqual([path, true]);
        for (const path of one.expect.hasNot ?? []) expect([path, found(path)]).toEqual([path, false]);
        if (one.expect.run !== undefined) {
          const ran = await measured(root, [LOOSE, "-q", "run", "--net=none", image, "--", ...one.expect.run.args]);
          expect([ran.stdout, ran.exitCode]).toEqual([one.expect.run.stdout, 0]);
        }
      }
      expect(ended.maxRssBytes).toBeLessThan(MAX_RSS_BYTES);
      expect(readdirSync(outside)).toEqual(["victim"]);
      expect(readFileSync(join(outside, "victim"), "utf8")).toBe(VICTIM);
      for (const dir of ["tmp", "images/tmp"]) expect(listed(join(root, dir))).toEqual([]);
      // rm(1): rmSync takes half a minute for a tree that is two thousand levels deep.
      if (root !== world.root) Bun.spawnSync(["rm", "-rf", root]);
    },
    2 * TIME_LIMIT_MS,
  );
}

test("the hostile corpus has at least eighty files, all of different names", () => {
  expect(CORPUS.length).toBeGreaterThanOrEqual(80);
  expect(new Set(CORPUS.map(({ name }) => name)).size).toBe(CORPUS.length);
});
