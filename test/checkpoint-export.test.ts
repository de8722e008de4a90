import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGpgKey, type GpgKey } from "./harness/gpg-key.ts";
import { writeArchive } from "./harness/images.ts";
import { trustKey } from "./harness/signature-lab.ts";
import { until } from "./harness/stage1-trial.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 180_000;
const CRIU = new URL("../.cache/newer/criu/run/criu", import.meta.url).pathname;
const canDump = existsSync(CRIU) && Bun.spawnSync([CRIU, "check"]).exitCode === 0;
const IMAGE = "example.com/app:1";
const ONCE = "--insecure-options=image";

/** A host that makes checkpoints, and another one that gets them. */
let here: World;
let there: World;
let key: GpgKey;
/** Trusted on both hosts, for other images. */
let stranger: GpgKey;
let signedImage: string;

beforeAll(async () => {
  here = await createWorld();
  there = await createWorld();
  key = await createGpgKey(here);
  stranger = await createGpgKey(here, "Other <other@example.com>");
  signedImage = writeArchive(here, "app");
  await key.sign(signedImage);
  for (const world of [here, there]) {
    if (canDump) world.env.set("GANTRY_CRIU", CRIU);
    await trustKey(world, "example.com/app", key.publicFile, key.fingerprint);
    await trustKey(world, "example.com/other", stranger.publicFile, stranger.fingerprint);
    await world.succeed(["fetch", `oci-archive:${signedImage}:${IMAGE}`]);
  }
}, TIMEOUT_MS);

afterAll(async () => {
  await there[Symbol.asyncDispose]();
  await here[Symbol.asyncDispose]();
}, TIMEOUT_MS);

const counter = (last: number) => `i=0; while [ $i -lt ${last} ]; do i=$((i+1)); echo $i; sleep 0.1; done; exit 7`;
const numbers = (last: number) => Array.from({ length: last }, (_, index) => String(index + 1));
const linesOf = async (world: World, pod: string, app: string) =>
  (await world.succeed(["logs", "--app", app, pod])).stdout.trim().split("\n");
const status = async (world: World, pod: string) =>
  JSON.parse((await world.succeed(["status", "--json", pod])).stdout) as Record<string, unknown>;
const start = async (flags: readonly string[]) => (await here.succeed(["-q", "run", "-d", ...flags])).stdout.trim();
const one = (script: string) => [IMAGE, "--app-name=one", "--exec=sh", "--", "-c", script];

/** Exports a pod of gVisor that has counted to five, and removes it. Returns the file. */
async function exported(name: string, last: number): Promise<string> {
  const pod = await start([
    "--stage1=gvisor",
    "--net=none",
    ...one(`echo kept > /kept; rm /etc/group; ${counter(last)}`),
  ]);
  await until(async () => (await linesOf(here, pod, "one")).length >= 5);
  const file = join(here.dir, `${name}.tar`);
  await here.succeed(["checkpoint", "--export", file, pod]);
  await here.succeed(["rm", pod]);
  return file;
}

async function events(world: World, kind: string, pod: string): Promise<readonly Record<string, unknown>[]> {
  const { stdout } = await world.succeed(["audit", "log", "--json", `--pod=${pod}`, `--kind=${kind}`]);
  return (JSON.parse(stdout) as { data: Record<string, unknown> }[]).map(({ data }) => data);
}

test(
  "what is exported goes on as a new pod, here and on a host that trusts its signature; nowhere without",
  async () => {
    const file = await exported("web", 20);
    expect(statSync(file).mode & 0o777).toBe(0o600);

    const again = (await here.succeed(["restore", "--import", file, "--name=again"])).stdout.trim();
    expect(await status(here, "again")).toMatchObject({ uuid: again, state: "running", name: "again" });
    const seen = (await here.gantry(["exec", "again", "--", "sh", "-c", "cat /kept; ls /etc"])).stdout;
    expect(seen.split("\n")).toEqual(["kept", "hostname", "hosts", "passwd", "resolv.conf", ""]);
    await here.succeed(["status", "--wait=60s", "again"]);
    expect(await status(here, "again")).toMatchObject({ state: "exited", exitCode: 7 });
    expect(await linesOf(here, "again", "one")).toEqual(numbers(20));
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(readFileSync(file)).digest("hex")}`;
    expect(await events(here, "pod.restored", again)).toMatchObject([{ importDigest: digest, acceptedBy: ["own"] }]);
    await here.succeed(["rm", "again"]);

    // Both are one machine, and which platform works on it takes a while to find out.
    cpSync(join(here.root, "regimes"), join(there.root, "regimes"), { recursive: true });
    const refused = await there.gantry(["restore", "--import", file]);
    expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining("gantry sign") });
    await stranger.sign(file);
    expect(await there.gantry(["restore", "--import", file])).toMatchObject({ exitCode: 4 });
    await Bun.file(`${file}.asc`).delete();
    await there.succeed(["sign", `--key=${key.secretFile}`, file]);
    const moved = (await there.succeed(["restore", "--import", file])).stdout.trim();
    await there.succeed(["status", "--wait=60s", moved]);
    expect(await status(there, moved)).toMatchObject({ state: "exited", exitCode: 7 });
    expect(await linesOf(there, moved, "one")).toEqual(numbers(20));
    expect(await events(there, "pod.restored", moved)).toMatchObject([{ acceptedBy: [key.fingerprint] }]);
    await there.succeed(["rm", moved]);

    // One byte of memory: neither the signature nor what the exporting host remembers holds.
    const bytes = readFileSync(file);
    bytes[bytes.length - 5_000] = (bytes[bytes.length - 5_000] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    for (const world of [here, there]) {
      expect(await world.gantry(["restore", "--import", file])).toMatchObject({ exitCode: 4 });
      expect((await world.succeed(["list", "--json"])).stdout.trim()).toBe("[]");
    }
  },
  TIMEOUT_MS,
);

test(
  "gvisor: a pod is exported and goes on, as does what is made of it",
  async () => {
    const pod = await start(["--stage1=gvisor", "--net=none", ...one(counter(25))]);
    await until(async () => (await linesOf(here, pod, "one")).length >= 5);
    const nowhere = ["checkpoint", "--export", join(here.dir, "no/such/dir.tar"), pod];
    expect(await here.gantry(nowhere)).toMatchObject({ exitCode: 3 });
    expect(await status(here, pod)).toMatchObject({ state: "running" });
    const file = join(here.dir, "running.tar");
    await here.succeed(["checkpoint", "--leave-running", "--export", file, pod]);
    expect(await status(here, pod)).toMatchObject({ state: "running" });
    const twin = (await here.succeed(["restore", "--import", file])).stdout.trim();
    for (const id of [pod, twin]) {
      await here.succeed(["status", "--wait=60s", id]);
      expect(await status(here, id)).toMatchObject({ state: "exited", exitCode: 7 });
      expect(await linesOf(here, id, "one")).toEqual(numbers(25));
      await here.succeed(["rm", id]);
    }
    expect(await here.gantry(["checkpoint", "--leave-running", pod])).toMatchObject({ exitCode: 2 });
  },
  TIMEOUT_MS,
);

test.skipIf(!canDump)(
  "oci: several apps with volume, shared memory and network are exported while they run, and come back",
  async () => {
    const mount = "--mount=volume=data,target=/data";
    const writer = `echo kept > /dev/shm/kept; echo kept > /data/kept; ${counter(40)}`;
    const pod = await start([
      "--stage1=oci",
      "--runtime=runc",
      "--volume=data,kind=empty",
      ...[IMAGE, "--app-name=one", mount, "--exec=sh", "--", "-c", writer],
      "---",
      ...[IMAGE, "--app-name=two", mount, "--exec=sh", "--", "-c", "while :; do sleep 1; done"],
    ]);
    await until(async () => (await linesOf(here, pod, "one")).length >= 5);
    const file = join(here.dir, "two.tar");
    await here.succeed(["checkpoint", "--leave-running", "--export", file, pod]);
    expect(await status(here, pod)).toMatchObject({ state: "running" });
    await here.succeed(["rm", "--force", pod]);

    await key.sign(file);
    const moved = (await there.succeed(["restore", "--import", file])).stdout.trim();
    const look = "cat /dev/shm/kept /data/kept; hostname; ip -4 addr show eth0";
    const { stdout } = await there.gantry(["exec", "--app=two", moved, "--", "sh", "-c", look]);
    expect(stdout).toStartWith(`kept\nkept\ngantry-${pod}\n`);
    expect(stdout).toContain("inet 10.");
    await there.succeed(["status", "--wait=60s", moved]);
    expect(await status(there, moved)).toMatchObject({ state: "exited", exitCode: 7 });
    expect(await linesOf(there, moved, "one")).toEqual(numbers(40));
    await there.succeed(["rm", moved]);
  },
  TIMEOUT_MS,
);

/** Rewrites the document at the beginning of an exported checkpoint; it must not grow beyond its last block. */
function edited(file: string, name: string, edit: (text: string) => string): string {
  const bytes = readFileSync(file);
  const sizeBytes = Number.parseInt(bytes.toString("latin1", 124, 135), 8);
  const text = edit(bytes.toString("utf8", 512, 512 + sizeBytes));
  const padded = text.padEnd(sizeBytes, " ");
  expect(padded.length).toBe(sizeBytes);
  bytes.write(padded, 512);
  const path = join(here.dir, `${name}.tar`);
  writeFileSync(path, bytes);
  return path;
}

test(
  "what is no whole checkpoint of this version, or of images that are here and trusted, is refused and leaves nothing",
  async () => {
    const file = await exported("bad", 1000);
    const bytes = readFileSync(file);
    const cut = (name: string, end: number) => {
      const path = join(here.dir, `${name}.tar`);
      writeFileSync(path, bytes.subarray(0, end));
      return path;
    };
    const noise = join(here.dir, "noise.tar");
    writeFileSync(noise, crypto.getRandomValues(new Uint8Array(65_536)));
    const cases: readonly (readonly [string, number, string])[] = [
      [cut("empty", 0), 2, "it is empty"],
      [cut("header", 700), 2, "cut short"],
      [cut("member", bytes.length - 30_000), 2, "malformed"],
      [cut("end", bytes.length - 1536), 2, "cut short"],
      [noise, 2, "malformed"],
      [signedImage, 2, "does not begin with"],
      [join(here.dir, "nowhere.tar"), 3, "does not exist"],
      [here.dir, 3, "not a file"],
      [
        edited(file, "version", (text) =>
          text.replace('"gantryVersion":"v1","machine"', '"gantryVersion":"v9","machine"'),
        ),
        2,
        '"v9"',
      ],
      [edited(file, "unknown", (text) => text.replace('"hostname":', '"hastname":')), 2, "manifest"],
      [edited(file, "regime", (text) => text.replace('"regime":"gvisor"', '"regime":"fly"')), 2, "regime"],
      [
        edited(file, "machine", (text) =>
          text
            .replace(/"machine":"[^"]*"/, `"machine":"${process.arch === "x64" ? "arm64" : "x64"}"`)
            .replace(/"createdAt":"[^"]*"/, '"createdAt":""'),
        ),
        7,
        "machine",
      ],
      [
        edited(file, "image", (text) => text.replace(/"digest":"sha256:......../, '"digest":"sha256:00000000')),
        3,
        "not in the store",
      ],
    ];
    for (const [path, exitCode, why] of cases) {
      const result = await here.gantry([ONCE, "restore", "--import", path]);
      expect({ path, ...result }).toMatchObject({ exitCode, stderr: expect.stringContaining(why) });
      expect((await here.succeed(["list", "--json"])).stdout.trim()).toBe("[]");
    }
    // As such it is good; but not of an image whose key has gone meanwhile, and not where rules forbid its regime.
    writeFileSync(join(here.config, "stage1.json"), JSON.stringify({ rules: [{ prefix: "", only: ["oci"] }] }));
    expect(await here.gantry(["restore", "--import", file])).toMatchObject({ exitCode: 4 });
    await Bun.file(join(here.config, "stage1.json")).delete();
    await here.succeed(["trust", "remove", key.fingerprint]);
    expect(await here.gantry(["restore", "--import", file])).toMatchObject({ exitCode: 4 });
    expect((await here.succeed(["list", "--json"])).stdout.trim()).toBe("[]");
    const pod = (await here.succeed([ONCE, "restore", "--import", file])).stdout.trim();
    await here.succeed(["rm", "--force", pod]);
    expect(await here.gantry(["restore", "--import", file, pod])).toMatchObject({ exitCode: 2 });
    expect(await here.gantry(["restore"])).toMatchObject({ exitCode: 2 });
  },
  TIMEOUT_MS,
);
