import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { detectCgroupLayout } from "../src/sys/linux/cgroup-layout.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { compareFacts, FACTS_SCRIPT, type ProcessFacts, readFacts } from "./harness/oci-facts.ts";
import { LOOSE } from "./harness/stage1-trial.ts";
import { succeedTool } from "./harness/tool.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;

let world: World;
let bundle: string;

beforeAll(async () => {
  world = await createWorld();
  const image = busyboxImage([{ path: "srv", kind: "dir" }]).withConfig({
    env: ["IMAGE=of the image", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
    user: "web",
    workingDir: "/srv",
  });
  const archive = writeArchive(world, "app", image);
  await world.succeed([LOOSE, "fetch", `oci-archive:${archive}:1`]);
  mkdirSync(join(world.dir, "layout"));
  await succeedTool(world, ["tar", "-xf", archive, "-C", "layout"]);
  bundle = join(world.dir, "bundle");
  await succeedTool(world, ["umoci", "unpack", "--image", "layout:1", bundle]);
}, TIMEOUT_MS);

afterAll(async () => {
  await world[Symbol.asyncDispose]();
}, TIMEOUT_MS);

const DOCUMENT = readFileSync(new URL("../docs/oci-reference.md", import.meta.url), "utf8");
const [same = [], mapped = [], defaults = []] = DOCUMENT.split(/^## /m).slice(1).map(parseRows);

for (const runtime of ["runc", "crun"]) {
  test(
    `${runtime} alone and Gantry with it differ in nothing that docs/oci-reference.md does not list`,
    async () => {
      const ours = await runGantry(runtime);
      const alike = await runBare(runtime, sameSpec(ours.config));
      expect(unlisted(compareFacts(alike, ours.facts), same)).toEqual([]);
      const bare = await runBare(runtime, await ownSpec(runtime));
      expect(unlisted(compareFacts(bare, ours.facts), [...same, ...defaults])).toEqual([]);
      // The lists have something to compare, and a row that no longer says anything true is no row.
      for (const facts of [ours.facts, alike, bare]) expect(facts.size).toBeGreaterThan(60);
      expect(same.filter(({ matches }) => !compareFacts(alike, ours.facts).some(matches))).toEqual([]);
      expect(ours.facts.get("env IMAGE")).toBe("of the image");
      expect([ours.facts.get("Uid"), ours.facts.get("Groups")]).toEqual(["1000 1000 1000 1000", "2000"]);
    },
    TIMEOUT_MS,
  );
}

for (const runtime of ["runc", "crun"]) {
  test(
    `with a user namespace ${runtime} alone and Gantry with it differ in nothing else`,
    async () => {
      const ours = await runGantry(runtime, ["--userns=auto"]);
      const hostId = ours.config.linux.uidMappings?.[0]?.hostID ?? 0;
      expect(hostId).toBeGreaterThan(0);
      const alike = await runBare(runtime, sameSpec(ours.config), await shiftedRoot(hostId));
      expect(unlisted(compareFacts(alike, ours.facts), [...same, ...mapped])).toEqual([]);
      expect(ours.facts.size).toBeGreaterThan(60);
    },
    TIMEOUT_MS,
  );
}

/** The unpacked image owned by another root, where that one can walk to it. */
async function shiftedRoot(hostId: number): Promise<string> {
  const root = join(world.dir, `shifted-${hostId}`);
  chmodSync(world.dir, 0o711);
  await succeedTool(world, ["cp", "-a", join(bundle, "rootfs"), root]);
  await succeedTool(world, ["chown", "-hR", `${hostId}:${hostId}`, root]);
  return root;
}

test("a difference that is not listed is found", () => {
  const changed = compareFacts(new Map([["Umask", "0022"]]), new Map([["Umask", "0000"]]));
  expect(unlisted(changed, [...same, ...defaults])).toEqual(["Umask: 0022 alone, 0000 by Gantry"]);
});

type Difference = ReturnType<typeof compareFacts>[number];

interface Row {
  readonly field: string;
  readonly matches: (difference: Difference) => boolean;
}

/** Rows `| field | runtime alone | Gantry | why |`; `*` stands for anything. */
function parseRows(section: string): Row[] {
  return [...section.matchAll(/^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \| (.+) \|$/gm)].map(
    ([, field = "", bare = "", ours = ""]) => ({
      field,
      matches: (found) => isLike(found.field, field) && isLike(found.bare, bare) && isLike(found.ours, ours),
    }),
  );
}

function isLike(text: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return text === pattern;
  return text.startsWith(first) && text.endsWith(rest.join("*")) && text.length >= pattern.length - 1;
}

function unlisted(differences: readonly Difference[], rows: readonly Row[]): string[] {
  return differences
    .filter((found) => !rows.some(({ matches }) => matches(found)))
    .map(({ field, bare, ours }) => `${field}: ${bare} alone, ${ours} by Gantry`);
}

/** The members of a runtime's configuration that are changed here. */
interface Config {
  readonly process: Readonly<Record<string, unknown>>;
  readonly root: Readonly<Record<string, unknown>>;
  readonly linux: {
    readonly cgroupsPath?: string;
    readonly uidMappings?: readonly { readonly hostID: number }[];
    readonly namespaces: readonly { readonly type: string }[];
  };
}

async function ownSpec(runtime: string): Promise<Config> {
  const dir = join(world.dir, `spec-${runtime}`);
  mkdirSync(dir);
  await succeedTool(world, [runtime, "spec", `--bundle=${dir}`]);
  const spec = JSON.parse(readFileSync(join(dir, "config.json"), "utf8")) as Config;
  const { process: ofImage } = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as Config;
  const { user, env, cwd } = ofImage;
  return {
    ...spec,
    process: { ...spec.process, user, env, cwd, terminal: false, args: ["sh", "-c", FACTS_SCRIPT] },
  };
}

/** Gantry's own configuration with namespaces and a cgroup of its own. */
function sameSpec(config: Config): Config {
  const { cgroupsPath: _, ...linux } = config.linux;
  const namespaces = linux.namespaces.map(({ type }) => ({ type }));
  return { ...config, linux: { ...linux, namespaces } };
}

let count = 0;

/** Runs the unpacked image by a runtime as it is, on a hybrid host for crun without the v2 part of its tree. */
async function runBare(runtime: string, spec: Config, path?: string): Promise<ProcessFacts> {
  const dir = join(world.dir, `bare-${++count}`);
  mkdirSync(dir);
  const root = { ...spec.root, path: path ?? join(bundle, "rootfs") };
  writeFileSync(join(dir, "config.json"), JSON.stringify({ ...spec, root }));
  const isApart = runtime === "crun" && detectCgroupLayout().kind === "hybrid";
  const flags = [`--root=${join(world.dir, `state-${count}`)}`, ...(isApart ? ["--cgroup-manager=disabled"] : [])];
  const run = [runtime, ...flags, "run", `--bundle=${dir}`, `bare-${process.pid}-${count}`];
  const apart = [
    "unshare",
    "--mount",
    "--propagation=private",
    "sh",
    "-c",
    'umount -l /sys/fs/cgroup/unified; exec "$@"',
    "sh",
  ];
  // In a user namespace a runtime gives its input to the app's user: not the host's /dev/null.
  const piped = path === undefined ? [] : ["sh", "-c", 'true | "$@"', "sh"];
  const argv = [...piped, ...(isApart ? apart : []), ...run];
  const { stdout } = await succeedTool(world, argv as [string, ...string[]]);
  return readFacts(stdout);
}

async function runGantry(
  runtime: string,
  more: readonly string[] = [],
): Promise<{ readonly facts: ProcessFacts; readonly config: Config }> {
  const flags = ["--stage1=oci", `--runtime=${runtime}`, "--net=none", "--uuid-file-save", join(world.dir, "uuid")];
  const run = ["run", ...flags, ...more, "localhost/app:1", "--exec=sh", "--", "-c", FACTS_SCRIPT];
  const { stdout } = await world.succeed([LOOSE, "-q", ...run]);
  const pod = readFileSync(join(world.dir, "uuid"), "utf8").trim();
  const config = await succeedTool(world, [
    "find",
    join(world.root, "pods"),
    "-path",
    `*${pod}/apps/app/bundle/config.json`,
  ]);
  return { facts: readFacts(stdout), config: JSON.parse(readFileSync(config.stdout.trim(), "utf8")) };
}
