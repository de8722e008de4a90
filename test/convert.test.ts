import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeTar } from "../src/image/layer/encode-tar.ts";
import { makeAci, run } from "./harness/aci.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 180_000;
const INSECURE = "--insecure-options=image";

/** Converts and returns what the command says the result is: a manifest digest, or an appc image ID. */
async function convert(world: World, from: string, to: string, ...flags: string[]): Promise<string> {
  return (await world.succeed(["image", "convert", from, to, ...flags])).stdout.trim();
}

/** Members of a tar with every attribute and a checksum of each file's content, sorted by name. */
function tree(file: string, strip: string): string[] {
  const script = `
import hashlib, sys, tarfile
for m in sorted(tarfile.open(sys.argv[1]), key=lambda m: m.name):
    if not m.name.startswith(sys.argv[2]): continue
    data = hashlib.sha256(tarfile.open(sys.argv[1]).extractfile(m.name).read()).hexdigest() if m.isreg() else ""
    print(m.name, m.type, oct(m.mode) if not m.issym() else "", m.uid, m.gid, m.linkname, m.size, int(m.mtime), m.pax_headers.get("SCHILY.xattr.user.note"), data)
`;
  return run(["python3", "-c", script, file, strip]).trim().split("\n");
}

const manifestOf = (file: string) => run(["tar", "-xOf", file, "manifest"]);

test(
  "convert: ACI → OCI → ACI and ACI → Docker → ACI give back manifest and tree; the second conversion is the first",
  async () => {
    await using world = await createWorld();
    const at = (name: string) => join(world.dir, name);
    const file = makeAci(world, "example.com/app", {
      compression: "xz",
      files: { "etc/conf": "1\n", "deep/er/file": "x" },
      manifest: { annotations: [{ name: "created", value: "2020-01-02T03:04:05Z" }] },
    });
    run([
      "ln",
      join(world.dir, "aci-example.com_app/rootfs/etc/conf"),
      join(world.dir, "aci-example.com_app/rootfs/hard"),
    ]);
    run(["chmod", "4711", join(world.dir, "aci-example.com_app/rootfs/deep/er/file")]);
    run(["tar", "-cJf", file, "-C", join(world.dir, "aci-example.com_app"), "manifest", "rootfs"]);

    const oci = await convert(world, `aci:${file}`, `oci:${at("layout")}`);
    const id = await convert(world, `oci:${at("layout")}`, `aci:${at("back.aci")}`);
    expect(manifestOf(at("back.aci"))).toBe(manifestOf(file));
    expect(tree(at("back.aci"), "rootfs")).toEqual(tree(file, "rootfs"));
    expect(id).toBe(`sha512-${run(["sha512sum", at("back.aci")]).slice(0, 128)}`);
    expect(await convert(world, `aci:${at("back.aci")}`, `oci-archive:${at("again.tar")}`)).toBe(oci);
    expect(await convert(world, `oci-archive:${at("again.tar")}`, `aci:${at("again.aci")}`)).toBe(id);

    const docker = await convert(world, `aci:${file}`, `docker-archive:${at("docker.tar")}`);
    expect(await convert(world, `docker-archive:${at("docker.tar")}`, `aci:${at("from-docker.aci")}`)).toBe(id);
    expect(await convert(world, `aci:${at("from-docker.aci")}`, `docker-archive:${at("docker2.tar")}`)).toBe(docker);
    expect(readFileSync(at("docker2.tar")).equals(readFileSync(at("docker.tar")))).toBe(true);

    // Others can use what comes out.
    run(["skopeo", "inspect", "--raw", `oci:${at("layout")}:example.com/app:1.0.0`]);
    run(["skopeo", "copy", "--insecure-policy", `docker-archive:${at("docker.tar")}`, `oci:${at("skopeo")}:x`]);
    run(["umoci", "unpack", "--image", `${at("layout")}:example.com/app:1.0.0`, at("bundle")]);
    expect(readFileSync(at("bundle/rootfs/hard"), "utf8")).toBe("1\n");
    // Also by way of another tool's copy, which writes manifest and config anew.
    expect(await convert(world, `oci:${at("skopeo")}:x`, `aci:${at("from-skopeo.aci")}`)).toBe(id);
    const ran = await world.gantry([INSECURE, "run", `oci:${at("layout")}`, "--net=none"]);
    expect(ran.stdout).toBe("hello from layout\n");
  },
  TIMEOUT_MS,
);

test(
  "convert: OCI → ACI → OCI and Docker → OCI → Docker are stable; layers are kept where the format has them",
  async () => {
    await using world = await createWorld();
    const at = (name: string) => join(world.dir, name);
    const image = busyboxImage([
      { path: "etc/a", content: "a" },
      { path: "etc/b", content: "b" },
    ])
      .withLayer([
        { path: "etc/.wh.a", content: "" },
        { path: "etc/c", kind: "hardlink", linkTarget: "etc/b" },
      ])
      .withConfig({
        labels: { Team: "blue" },
        stopSignal: "SIGQUIT",
        env: ["A=1"],
        exposedPorts: [{ port: 80, protocol: "tcp" }],
      });
    const archive = writeArchive(world, "app", image);

    const aci = await convert(world, `oci-archive:${archive}`, `aci:${at("app.aci")}`, "--name=example.com/app:2.0");
    const manifest = JSON.parse(manifestOf(at("app.aci")));
    expect(manifest.labels).toContainEqual({ name: "version", value: "2.0" });
    expect(manifest.app.exec).toEqual(["/bin/sh", "-c", "echo hello"]);
    expect(tree(at("app.aci"), "rootfs/etc/").map((line) => line.split(" ")[0])).toEqual([
      "rootfs/etc/b",
      "rootfs/etc/c",
      "rootfs/etc/group",
      "rootfs/etc/passwd",
    ]);
    const oci = await convert(world, `aci:${at("app.aci")}`, `oci:${at("layout")}`);
    const config = JSON.parse(run(["skopeo", "inspect", "--config", `oci:${at("layout")}:example.com/app:2.0`]));
    expect(config.config).toMatchObject({
      StopSignal: "SIGQUIT",
      Labels: { Team: "blue" },
      Cmd: ["/bin/sh", "-c", "echo hello"],
    });
    expect(await convert(world, `oci:${at("layout")}`, `aci:${at("again.aci")}`)).toBe(aci);
    expect(await convert(world, `aci:${at("again.aci")}`, `oci-archive:${at("again.tar")}`)).toBe(oci);
    const ran = await world.gantry([INSECURE, "run", `aci:${at("app.aci")}`, "--net=none"]);
    expect(ran.stdout).toBe("hello\n");

    await convert(world, `oci-archive:${archive}`, `docker-archive:${at("docker.tar")}`);
    const first = await convert(world, `docker-archive:${at("docker.tar")}`, `oci:${at("two")}`);
    const layers = JSON.parse(run(["skopeo", "inspect", "--raw", `oci:${at("two")}`])).layers;
    expect(layers).toHaveLength(2);
    // The same archive with its layers packed, as some builders write it, is the same image.
    mkdirSync(at("packed"));
    run(["tar", "-xf", at("docker.tar")], at("packed"));
    const [entry] = JSON.parse(readFileSync(at("packed/manifest.json"), "utf8"));
    for (const layer of entry.Layers) run(["gzip", "--no-name", layer], at("packed"));
    entry.Layers = entry.Layers.map((layer: string) => `${layer}.gz`);
    writeFileSync(at("packed/manifest.json"), JSON.stringify([entry]));
    run(["tar", "-cf", at("packed.tar"), "-C", at("packed"), "."]);
    expect(await convert(world, `docker-archive:${at("packed.tar")}`, `oci-archive:${at("two.tar")}`)).toBe(first);
    await convert(world, `oci:${at("two")}`, `docker-archive:${at("second.tar")}`);
    expect(await convert(world, `docker-archive:${at("second.tar")}`, `oci:${at("three")}`)).toBe(first);
  },
  TIMEOUT_MS,
);

test(
  "convert: the same input gives the same bytes whatever directory, umask, time and store; the published ACI is exported as it was",
  async () => {
    await using world = await createWorld();
    await using other = await createWorld();
    const archive = writeArchive(world, "app", busyboxImage().withLayer([{ path: "x", content: "x" }]));
    const file = makeAci(world, "example.com/app");
    const once = async (one: World, name: string, umask: string) => {
      const dir = join(one.dir, name);
      mkdirSync(dir);
      const binary = new URL("../dist/gantry", import.meta.url).pathname;
      for (const [from, to] of [
        [`oci-archive:${archive}`, "aci:a.aci"],
        [`aci:${file}`, "oci-archive:o.tar"],
        [`aci:${file}`, "docker-archive:d.tar"],
        [`aci:${file}`, "aci:b.aci"],
      ]) {
        const command = `umask ${umask}; exec ${binary} --root=${one.root} --config=${one.config} image convert ${from} ${to}`;
        run(["sh", "-c", command], dir);
      }
      return run(["sh", "-c", "sha256sum a.aci o.tar d.tar b.aci"], dir);
    };
    const first = await once(world, "one", "077");
    await Bun.sleep(1100); // another second on the clock
    expect(await once(other, "two", "000")).toBe(first);

    await world.succeed([INSECURE, "fetch", `aci:${file}:example.com/app:1.0.0`]);
    await world.succeed(["image", "export", "example.com/app:1.0.0", "-o", `aci:${join(world.dir, "exported.aci")}`]);
    expect(readFileSync(join(world.dir, "exported.aci")).equals(readFileSync(file))).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  "convert: a dependency tree becomes one image with --flatten, and layers in OCI",
  async () => {
    await using world = await createWorld();
    const at = (name: string) => join(world.dir, name);
    const base = makeAci(world, "localhost/base", { files: { base: "base\n", both: "base\n" } });
    await world.succeed([INSECURE, "fetch", `aci:${base}:localhost/base:1.0.0`]);
    const top = makeAci(world, "localhost/top", {
      bare: true,
      files: { both: "top\n" },
      manifest: {
        dependencies: [{ imageName: "localhost/base", labels: [{ name: "version", value: "1.0.0" }] }],
        app: { exec: ["/bin/cat", "/base", "/both"], user: "0", group: "0" },
      },
    });
    const flat = (to: string, ...flags: string[]) =>
      world.succeed([INSECURE, "image", "convert", `aci:${top}:localhost/top:1.0.0`, to, ...flags]);
    await flat(`aci:${at("flat.aci")}`, "--flatten");
    expect(JSON.parse(manifestOf(at("flat.aci"))).dependencies).toBeUndefined();
    expect((await world.gantry([INSECURE, "run", `aci:${at("flat.aci")}`, "--net=none"])).stdout).toBe("base\ntop\n");
    await flat(`oci:${at("layout")}`);
    expect(JSON.parse(run(["skopeo", "inspect", "--raw", `oci:${at("layout")}`])).layers).toHaveLength(2);
    await convert(world, `oci:${at("layout")}`, `aci:${at("back.aci")}`);
    expect(manifestOf(at("back.aci"))).toBe(manifestOf(top));
    expect(tree(at("back.aci"), "rootfs")).toEqual(tree(top, "rootfs"));
  },
  TIMEOUT_MS,
);

test(
  "convert: what cannot be converted is refused, and nothing is written",
  async () => {
    await using world = await createWorld();
    const at = (name: string) => join(world.dir, name);
    const refused = async (from: string, to: string, code: string, ...flags: string[]) => {
      const result = await world.gantry(["image", "convert", from, to, "--json", ...flags]);
      expect([from, JSON.parse(result.stderr.trim().split("\n").at(-1) ?? "").error.code]).toEqual([from, code]);
      expect(result.exitCode).toBe(2);
    };
    const good = writeArchive(world, "good");
    const riscv = writeArchive(world, "riscv", busyboxImage().withPlatform({ os: "linux", architecture: "riscv64" }));
    await refused(`oci-archive:${riscv}`, `aci:${at("out.aci")}`, "image/no-counterpart");
    await refused(`oci-archive:${good}`, `aci:${at("out.aci")}`, "image/bad-reference", "--name=Not A Name");
    await refused(`oci-archive:${good}`, `oci:${at("out")}`, "engine/bad-input", "--name=example.com/app");
    await refused(`oci-archive:${good}`, "docker://example.com/app", "engine/bad-input");
    const evil = busyboxImage().withLayer(encodeTar([{ path: "../../etc/passwd", content: "x" }]));
    await refused(`oci-archive:${writeArchive(world, "evil", evil)}`, `aci:${at("out.aci")}`, "image/bad-layer");
    expect(run(["ls", world.dir])).not.toContain("out");
    expect(run(["sh", "-c", `ls -A ${world.root}/tmp 2>/dev/null || true`])).toBe("");
  },
  TIMEOUT_MS,
);
