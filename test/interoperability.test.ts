import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTestRegistry } from "../src/testing/registry/start-test-registry.ts";
import { startDebianRegistry } from "./harness/debian-registry.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { runTool, succeedTool } from "./harness/tool.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 240_000;
const LOOSE = "--insecure-options=image,http";
const NAME = "example.com/app:1.2";
const SKOPEO: readonly [string, ...string[]] = [
  "skopeo",
  "--insecure-policy",
  "copy",
  "-q",
  "--src-tls-verify=false",
  "--dest-tls-verify=false",
];

/** A world whose store holds one busybox image, and the digest of it. */
async function storedApp(world: World): Promise<string> {
  const archive = writeArchive(world, "app", busyboxImage([{ path: "etc/mark", content: "ours" }]));
  await world.succeed([LOOSE, "fetch", `oci-archive:${archive}:1`]);
  const destination = `oci-archive:${world.dir}/named.tar:${NAME}`;
  await world.succeed(["push", "localhost/app:1", destination]);
  return (await world.succeed([LOOSE, "fetch", destination])).stdout.trim();
}

async function tool(world: World, argv: readonly [string, ...string[]]): Promise<string> {
  return (await succeedTool(world, argv)).stdout;
}

async function digestOf(world: World, image: string): Promise<string> {
  return JSON.parse(await tool(world, ["skopeo", "inspect", "--tls-verify=false", image])).Digest;
}

test(
  "skopeo copies what we pushed to Debian's registry, and we fetch what skopeo copied there, OCI and Docker",
  async () => {
    await using world = await createWorld();
    const digest = await storedApp(world);
    const { host } = await startDebianRegistry(world);
    const pushed = await world.succeed([LOOSE, "push", NAME, `docker://${host}/app:1`, "--json"]);
    expect(JSON.parse(pushed.stdout)).toMatchObject({ digest, written: 2 });
    expect(await digestOf(world, `docker://${host}/app:1`)).toBe(digest);
    await tool(world, [...SKOPEO, `docker://${host}/app:1`, `oci:${world.dir}/copied:x`]);
    const again = await world.succeed([LOOSE, "push", NAME, `docker://${host}/app:2`, "--json"]);
    expect(JSON.parse(again.stdout)).toMatchObject({ written: 0, present: 2 });
    for (const format of ["oci", "v2s2"]) {
      await tool(world, [...SKOPEO, `--format=${format}`, `oci:${world.dir}/copied:x`, `docker://${host}/${format}:1`]);
      const fetched = await world.succeed([LOOSE, "fetch", `docker://${host}/${format}:1`]);
      expect(fetched.stdout.trim()).toBe(await digestOf(world, `docker://${host}/${format}:1`));
    }
    const mounted = await world.succeed([
      LOOSE,
      "push",
      `docker://${host}/oci:1`,
      `docker://${host}/other:1`,
      "--json",
    ]);
    expect(JSON.parse(mounted.stdout)).toMatchObject({ written: 0, mounted: 2 });
  },
  TIMEOUT_MS,
);

test(
  "skopeo finds each platform of an index we pushed to Debian's registry, whole or in part",
  async () => {
    await using world = await createWorld();
    const { host } = await startDebianRegistry(world);
    writeFileSync(`${world.dir}/file`, "x");
    const platforms = ["linux/amd64", "linux/arm64", "linux/s390x"];
    const flags = platforms.map((platform) => `--platform=${platform}`);
    await world.succeed(["image", "build", `--add=${world.dir}/file:/file`, ...flags, "localhost/multi:1"]);
    const push = async (tag: string, ...some: readonly string[]) => {
      await world.succeed([LOOSE, "push", "localhost/multi:1", `docker://${host}/multi:${tag}`, ...some]);
      return JSON.parse(
        await tool(world, ["skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${host}/multi:${tag}`]),
      );
    };
    const architectures = (index: { manifests: { platform: { architecture: string } }[] }) =>
      index.manifests.map(({ platform }) => platform.architecture);
    expect(architectures(await push("all"))).toEqual(["amd64", "arm64", "s390x"]);
    expect(architectures(await push("two", "--platform=linux/s390x", "--platform=linux/arm64"))).toEqual([
      "s390x",
      "arm64",
    ]);
    expect((await push("one", "--platform=linux/arm64")).config.mediaType).toContain("config");
    for (const arch of ["amd64", "s390x"]) {
      const copy = ["copy", "-q", "--src-tls-verify=false", `docker://${host}/multi:all`, `oci:${world.dir}/${arch}:x`];
      await tool(world, ["skopeo", "--insecure-policy", `--override-arch=${arch}`, ...copy]);
    }
    const none = await world.gantry([
      LOOSE,
      "push",
      "localhost/multi:1",
      `docker://${host}/multi:none`,
      "--platform=linux/riscv64",
    ]);
    expect(none.exitCode).toBe(3);
  },
  TIMEOUT_MS,
);

test(
  "skopeo and we log in to Debian's registry with the same auth file",
  async () => {
    await using world = await createWorld();
    const digest = await storedApp(world);
    const { host } = await startDebianRegistry(world, { username: "me", password: "pass:word" });
    const refused = await world.gantry([LOOSE, "push", NAME, `docker://${host}/app:1`, "--json"]);
    expect(refused.exitCode).toBe(4);
    expect(JSON.parse(refused.stderr).error.code).toBe("transport/unauthorized");
    const authFile = join(world.dir, "auth.json");
    const auth = Buffer.from("me:pass:word").toString("base64");
    writeFileSync(authFile, JSON.stringify({ auths: { [host]: { auth } } }));
    await world.succeed([LOOSE, `--auth-file=${authFile}`, "push", NAME, `docker://${host}/app:1`]);
    await tool(world, [...SKOPEO, `--authfile=${authFile}`, `docker://${host}/app:1`, `oci:${world.dir}/copied:x`]);
    const { manifests } = JSON.parse(readFileSync(`${world.dir}/copied/index.json`, "utf8"));
    expect(manifests[0].digest).toBe(digest);
  },
  TIMEOUT_MS,
);

test(
  "skopeo copies out of and into the project's own test registry",
  async () => {
    await using world = await createWorld();
    const digest = await storedApp(world);
    const registry = world.use(await startTestRegistry());
    await world.succeed([LOOSE, "push", NAME, `docker://${registry.host}/app:1`]);
    await tool(world, [...SKOPEO, `docker://${registry.host}/app:1`, `docker://${registry.host}/copy:1`]);
    const fetched = await world.succeed([LOOSE, "fetch", `docker://${registry.host}/copy:1`]);
    expect(fetched.stdout.trim()).toBe(digest);
  },
  TIMEOUT_MS,
);

test(
  "skopeo reads our OCI layouts and archives, and we read skopeo's",
  async () => {
    await using world = await createWorld();
    const digest = await storedApp(world);
    const { dir } = world;
    await world.succeed(["push", NAME, `oci:${dir}/ours:a`]);
    await world.succeed(["image", "export", NAME, "-o", `oci-archive:${dir}/ours.tar:a`]);
    for (const [i, ours] of [`oci:${dir}/ours:a`, `oci-archive:${dir}/ours.tar:a`].entries()) {
      await tool(world, [...SKOPEO, ours, `oci:${dir}/theirs:t${i}`]);
      await tool(world, [...SKOPEO, ours, `oci-archive:${dir}/theirs${i}.tar:t`]);
      for (const theirs of [`oci:${dir}/theirs:t${i}`, `oci-archive:${dir}/theirs${i}.tar:t`]) {
        expect((await world.succeed([LOOSE, "fetch", theirs])).stdout.trim()).toBe(digest);
      }
    }
    // The store itself is a layout that others read in place.
    await tool(world, [...SKOPEO, `oci:${world.root}/images:${NAME}`, `oci:${dir}/from-store:x`]);
    expect(JSON.parse(readFileSync(`${dir}/from-store/index.json`, "utf8")).manifests[0].digest).toBe(digest);
  },
  TIMEOUT_MS,
);

test(
  "skopeo reads each image of our Docker archive, and we read each of skopeo's",
  async () => {
    await using world = await createWorld();
    await storedApp(world);
    const { dir } = world;
    await world.succeed([LOOSE, "image", "build", "--from", NAME, "--env=B=2", "localhost/second:2"]);
    await world.succeed(["image", "export", NAME, "localhost/second:2", "-o", `docker-archive:${dir}/both.tar`]);
    const configOf = async (image: string) =>
      JSON.parse(await tool(world, ["skopeo", "inspect", "--raw", image])).config.digest;
    for (const name of [NAME, "localhost/second:2"]) {
      const stored = (await world.succeed(["image", "inspect", name, "--json"])).stdout;
      expect(await configOf(`docker-archive:${dir}/both.tar:${name}`)).toBe(JSON.parse(stored).configDigest);
    }
    await tool(world, [
      ...SKOPEO,
      `docker-archive:${dir}/both.tar:${NAME}`,
      `docker-archive:${dir}/theirs.tar:example.com/theirs:1`,
    ]);
    await world.succeed([LOOSE, "fetch", `docker-archive:${dir}/theirs.tar:example.com/theirs:1`]);
    await world.succeed([LOOSE, "fetch", `docker-archive:${dir}/both.tar:localhost/second:2`]);
    const read = await world.succeed(["image", "inspect", "example.com/theirs:1", "--json"]);
    expect(JSON.parse(read.stdout).configDigest).toBe(await configOf(`docker-archive:${dir}/theirs.tar`));
  },
  TIMEOUT_MS,
);

test(
  "umoci unpacks and changes our layouts, and we read what it repacked; its gc takes nothing of ours",
  async () => {
    await using world = await createWorld();
    const digest = await storedApp(world);
    const { dir } = world;
    const layout = `${dir}/layout`;
    await world.succeed(["push", NAME, `oci:${layout}:ours`]);
    await tool(world, ["umoci", "gc", "--layout", layout]);
    await tool(world, ["umoci", "unpack", "--image", `${layout}:ours`, `${dir}/bundle`]);
    expect(readFileSync(`${dir}/bundle/rootfs/etc/mark`, "utf8")).toBe("ours");
    writeFileSync(`${dir}/bundle/rootfs/etc/mark`, "theirs");
    await tool(world, ["umoci", "repack", "--image", `${layout}:theirs`, `${dir}/bundle`]);
    await tool(world, ["umoci", "config", "--image", `${layout}:theirs`, "--config.env", "UMOCI=yes"]);
    await world.succeed([LOOSE, "fetch", `oci:${layout}:theirs`]);
    await world.succeed(["image", "extract", "localhost/layout:theirs", "/etc/mark", `--to=${dir}/out`]);
    expect(readFileSync(`${dir}/out/mark`, "utf8")).toBe("theirs");
    const inspected = await world.succeed(["image", "inspect", "localhost/layout:theirs", "--json"]);
    expect(JSON.parse(inspected.stdout).config.env).toContain("UMOCI=yes");
    expect((await world.succeed(["image", "inspect", `oci:${layout}:ours`, "--json"])).stdout).toContain(digest);
    // We write into umoci's layout, and umoci still reads it all.
    await world.succeed(["push", "localhost/layout:theirs", `oci:${layout}:again`]);
    await tool(world, ["umoci", "gc", "--layout", layout]);
    expect((await tool(world, ["umoci", "list", "--layout", layout])).trim().split("\n").sort()).toEqual([
      "again",
      "ours",
      "theirs",
    ]);
    await tool(world, ["umoci", "stat", "--image", `${layout}:again`]);
  },
  TIMEOUT_MS,
);

test(
  "podman loads our archives, pulls what we pushed, and runs it; we read what podman saves and pushes",
  async () => {
    await using world = await createWorld();
    await storedApp(world);
    const { dir } = world;
    const { host } = await startDebianRegistry(world);
    const storage = [`--root=${dir}/podman`, `--runroot=${dir}/podman-run`, "--storage-driver=vfs"];
    const podman = (...args: string[]) =>
      tool(world, ["podman", ...storage, "--runtime=runc", "--cgroup-manager=cgroupfs", ...args]);
    const run = (image: string) =>
      podman(
        "run",
        "--rm",
        "--network=none",
        "--ulimit=nofile=1024:20000",
        "--ulimit=nproc=1000:2000",
        image,
        "/bin/cat",
        "/etc/mark",
      );
    for (const form of ["oci-archive", "docker-archive"]) {
      await world.succeed(["image", "export", NAME, "-o", `${form}:${dir}/${form}.tar`]);
      expect(await podman("load", "-q", "-i", `${dir}/${form}.tar`)).toContain(NAME);
      expect(await run(NAME)).toBe("ours");
      await podman("rmi", "-f", NAME);
    }
    await world.succeed([LOOSE, "push", NAME, `docker://${host}/app:1`]);
    await podman("pull", "-q", "--tls-verify=false", `${host}/app:1`);
    expect(await run(`${host}/app:1`)).toBe("ours");
    await podman("push", "-q", "--tls-verify=false", `${host}/app:1`, `docker://${host}/podman:1`);
    await world.succeed([LOOSE, "fetch", `docker://${host}/podman:1`]);
    for (const form of ["oci-archive", "docker-archive"]) {
      await podman("save", "-q", `--format=${form}`, "-o", `${dir}/saved-${form}.tar`, `${host}/app:1`);
      await world.succeed([LOOSE, "fetch", `${form}:${dir}/saved-${form}.tar`]);
      const name = `localhost/saved-${form}:latest`;
      await world.succeed(["image", "extract", name, "/etc/mark", `--to=${dir}/${form}`]);
      expect(readFileSync(`${dir}/${form}/mark`, "utf8")).toBe("ours");
    }
    await podman("rmi", "-af");
  },
  TIMEOUT_MS,
);

/** Validates documents given as `schema-file document` lines against the schemas of image-spec. */
const VALIDATE = `
import json, os, sys, jsonschema
base = "/usr/share/gocode/src/github.com/opencontainers/image-spec/schema"
schema_of = lambda uri: json.load(open(os.path.join(base, os.path.basename(uri.split("#")[0]))))
for line in sys.stdin.read().splitlines():
    name, path = line.split(" ")
    resolver = jsonschema.RefResolver("file:///" + name, schema_of(name), handlers={s: schema_of for s in ("https", "http", "file")})
    jsonschema.Draft4Validator(schema_of(name), resolver=resolver).validate(json.load(open(path)))
    print("valid", name)
`;

test(
  "oci-image-tool and the schemas of image-spec accept every document we write",
  async () => {
    await using world = await createWorld();
    await storedApp(world);
    const { dir } = world;
    const layout = `${dir}/layout`;
    writeFileSync(`${dir}/file`, "x");
    const flags = [
      "--user=1000",
      "--env=A=1",
      "--label=l=1",
      "--annotation=a=b",
      "--port=80",
      "--volume=/data",
      "--stop-signal=SIGINT",
      "--workdir=/data",
      "--entrypoint=/bin/sh",
    ];
    const build = [LOOSE, "image", "build", `--add=${dir}/file:/file`, ...flags];
    await world.succeed([...build, "--from", NAME, `oci:${layout}:derived`]);
    await world.succeed([
      ...build,
      "--compression=zstd",
      "--platform=linux/amd64",
      "--platform=linux/arm64",
      `oci:${layout}:multi`,
    ]);
    await world.succeed(["push", NAME, `oci:${layout}:plain`]);
    await tool(world, ["oci-image-tool", "validate", "--type=image", "--ref=name=plain", "--ref=name=derived", layout]);
    await tool(world, ["oci-image-tool", "validate", "--type=image", `--ref=name=${NAME}`, `${world.root}/images`]);
    // Archives it cannot walk, whoever wrote them: the day it can, ours are to be validated as archives too.
    await tool(world, ["skopeo", "copy", `oci:${layout}:plain`, `oci-archive:${dir}/theirs.tar:plain`]);
    await world.succeed(["push", NAME, `oci-archive:${dir}/ours.tar:plain`]);
    for (const archive of [`${dir}/theirs.tar`, `${dir}/ours.tar`]) {
      const read = await runTool(world, ["oci-image-tool", "validate", "--type=image", "--ref=name=plain", archive]);
      expect([read.exitCode, read.stderr.includes("end of walk")]).toEqual([1, true]);
    }
    const blob = (digest: string) => `${layout}/blobs/sha256/${digest.slice(7)}`;
    const lines = [`image-layout-schema.json ${layout}/oci-layout`, `image-index-schema.json ${layout}/index.json`];
    const walk = (entries: readonly { digest: string; mediaType: string }[]) => {
      for (const { digest, mediaType } of entries) {
        const document = JSON.parse(readFileSync(blob(digest), "utf8"));
        const isIndex = mediaType.includes("index");
        lines.push(`${isIndex ? "image-index" : "image-manifest"}-schema.json ${blob(digest)}`);
        if (isIndex) walk(document.manifests);
        else lines.push(`config-schema.json ${blob(document.config.digest)}`);
      }
    };
    walk(JSON.parse(readFileSync(`${layout}/index.json`, "utf8")).manifests);
    lines.push(`image-index-schema.json ${world.root}/images/index.json`);
    const child = Bun.spawn(["/usr/bin/python3", "-W", "ignore", "-c", VALIDATE], {
      stdin: Buffer.from(lines.join("\n")),
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toHaveLength(lines.length);
    expect(lines.length).toBeGreaterThanOrEqual(12);
  },
  TIMEOUT_MS,
);
