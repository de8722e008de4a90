import { expect, test } from "bun:test";
import { chmodSync, copyFileSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCertificateAuthority } from "../src/testing/certificate-authority.ts";
import { layoutFiles } from "../src/testing/image-builder.ts";
import { createGpgKey } from "./harness/gpg-key.ts";
import { busyboxImage } from "./harness/images.ts";
import { createWorld, type World } from "./harness/world.ts";

// Images that others make, and images with everything a layer can hold, run.
const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";
const DEEP = `${"d".repeat(120)}/${"e".repeat(120)}/${"f".repeat(60)}`;

function run(world: World, argv: readonly [string, ...string[]], env: Readonly<Record<string, string>> = {}): void {
  const { PATH = "" } = process.env;
  const done = Bun.spawnSync([...argv], { cwd: world.dir, env: { PATH, HOME: world.dir, ...env } });
  if (done.exitCode !== 0) throw new Error(`${argv.join(" ")} failed: ${done.stderr}`);
}

/** An image of two layers that umoci makes from a directory tree, in the layout `made` under the tag `1`. */
function makeWithUmoci(world: World): string {
  const layout = join(world.dir, "made");
  run(world, ["umoci", "init", "--layout", layout]);
  run(world, ["umoci", "new", "--image", `${layout}:1`]);
  const change = (apply: (rootfs: string) => void) => {
    const bundle = join(world.dir, "bundle");
    run(world, ["umoci", "unpack", "--image", `${layout}:1`, bundle]);
    apply(join(bundle, "rootfs"));
    run(world, ["umoci", "repack", "--image", `${layout}:1`, bundle]);
    rmSync(bundle, { recursive: true });
  };
  change((rootfs) => {
    for (const dir of ["bin", "etc", "data/old", `data/${DEEP}`]) mkdirSync(join(rootfs, dir), { recursive: true });
    copyFileSync("/bin/busybox", join(rootfs, "bin/busybox"));
    for (const name of ["sh", "cat", "ls", "stat", "grep"]) symlinkSync("busybox", join(rootfs, "bin", name));
    writeFileSync(join(rootfs, "etc/motd"), "by umoci\n");
    chmodSync(join(rootfs, "etc/motd"), 0o4640);
    linkSync(join(rootfs, "etc/motd"), join(rootfs, "etc/motd-too"));
    writeFileSync(join(rootfs, "data/old/gone"), "x");
    writeFileSync(join(rootfs, "data", DEEP, "file"), "deep\n");
    run(world, ["mknod", join(rootfs, "data/null"), "c", "1", "3"]);
    run(world, ["setcap", "cap_net_bind_service=ep", join(rootfs, "bin/busybox")]);
  });
  change((rootfs) => {
    rmSync(join(rootfs, "data/old"), { recursive: true });
    writeFileSync(join(rootfs, "data/new"), "second layer\n");
  });
  run(world, [
    "umoci",
    "config",
    "--image",
    `${layout}:1`,
    "--config.cmd=/bin/cat",
    "--config.cmd=/etc/motd",
    "--config.env=FROM=umoci",
  ]);
  return layout;
}

const LOOK = `cat /etc/motd; stat -c '%a %h' /etc/motd-too; stat -c '%F %t:%T' /data/null; ls /data; cat /data/*/*/*/file; echo $FROM`;
const SEEN = [
  "by umoci",
  "4640 2",
  "character special file 1:3",
  ...["d".repeat(120), "new", "null"],
  "deep",
  "umoci",
  "",
].join("\n");

test(
  "an image built with umoci runs from its layout, and, copied by skopeo, from OCI and Docker archives",
  async () => {
    await using world = await createWorld();
    const layout = makeWithUmoci(world);
    const plain = await world.succeed([LOOSE, "-q", "run", "--net=none", `oci:${layout}:1`]);
    expect(plain.stdout).toBe("by umoci\n");
    const copies = [`oci-archive:${world.dir}/oci.tar:1`, `docker-archive:${world.dir}/docker.tar:example.com/made:1`];
    for (const copy of copies) run(world, ["skopeo", "copy", "-q", "--insecure-policy", `oci:${layout}:1`, copy]);
    for (const image of [`oci:${layout}:1`, ...copies]) {
      const look = await world.succeed([LOOSE, "-q", "run", "--net=none", image, "--exec=/bin/sh", "--", "-c", LOOK]);
      expect([image, look.stdout]).toEqual([image, SEEN]);
    }
  },
  TIMEOUT_MS,
);

/** Debian's registry over TLS on a free port; ends with the world. */
async function startDebianRegistry(world: World): Promise<{ readonly host: string; readonly certs: string }> {
  const authority = await createCertificateAuthority(Date.now());
  const tls = await authority.issue(["localhost"]);
  const certs = join(world.dir, "certs");
  mkdirSync(certs);
  writeFileSync(join(certs, "ca.crt"), authority.certPem);
  writeFileSync(join(world.dir, "server.pem"), tls.certPem);
  writeFileSync(join(world.dir, "server.key"), tls.keyPem);
  world.env.set("GANTRY_CA_FILE", join(certs, "ca.crt"));
  const port = 21_000 + (process.pid % 8000);
  const config = {
    version: "0.1",
    storage: { filesystem: { rootdirectory: join(world.dir, "registry") } },
    http: {
      addr: `127.0.0.1:${port}`,
      tls: { certificate: join(world.dir, "server.pem"), key: join(world.dir, "server.key") },
    },
    log: { level: "error", accesslog: { disabled: true } },
  };
  writeFileSync(join(world.dir, "registry.yml"), JSON.stringify(config));
  const child = Bun.spawn(["docker-registry", "serve", join(world.dir, "registry.yml")], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  world.use({
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  });
  const host = `localhost:${port}`;
  for (let tries = 0; tries < 200; tries++) {
    const isUp = await fetch(`https://${host}/v2/`, { tls: { ca: authority.certPem } }).then(
      ({ ok }) => ok,
      () => false, // not listening yet
    );
    if (isUp) return { host, certs };
    await Bun.sleep(50);
  }
  throw new Error("docker-registry did not start");
}

test(
  "an image that skopeo pushed to Debian's registry, in OCI and in Docker format, is signed there, fetched and run",
  async () => {
    await using world = await createWorld();
    const layout = makeWithUmoci(world);
    const { host, certs } = await startDebianRegistry(world);
    const key = await createGpgKey(world);
    await world.succeed(["trust", "add", `--prefix=${host}/team`, key.publicFile, `--fingerprint=${key.fingerprint}`]);
    for (const format of ["oci", "v2s2"]) {
      const name = `${host}/team/${format}:1`;
      const copy = [
        "skopeo",
        "copy",
        "-q",
        "--insecure-policy",
        `--dest-cert-dir=${certs}`,
        `--format=${format}`,
      ] as const;
      run(world, [...copy, `oci:${layout}:1`, `docker://${name}`]);
      expect((await world.gantry(["fetch", name])).exitCode).toBe(4);
      await world.succeed(["sign", `--key=${key.secretFile}`, `docker://${name}`]);
      const look = await world.succeed(["-q", "run", "--net=none", name, "--exec=/bin/sh", "--", "-c", LOOK]);
      expect([format, look.stdout]).toEqual([format, SEEN]);
    }
  },
  TIMEOUT_MS,
);

test(
  "an image with hard links, whiteouts, opaque directories, setuid files, file capabilities, devices and long paths runs",
  async () => {
    await using world = await createWorld();
    const capability = Uint8Array.from([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const busybox = new Uint8Array(await Bun.file("/bin/busybox").arrayBuffer());
    const built = busyboxImage([
      { path: "bin/busybox-bound", content: busybox, modeOctal: 0o755, xattrs: { "security.capability": capability } },
      { path: "bin/suid", content: "x", modeOctal: 0o6755 },
      { path: "bin/suid-too", kind: "hardlink", linkTarget: "bin/suid", modeOctal: 0o6755 },
      { path: "disk", kind: "block", devMajor: 7, devMinor: 200, modeOctal: 0o660 },
      { path: "pipe", kind: "fifo", modeOctal: 0o640 },
      { path: "gone", content: "x" },
      { path: "opaque", kind: "dir" },
      { path: "opaque/old", content: "x" },
      { path: `long/${DEEP}`, content: "long\n" },
    ])
      .withLayer([
        { path: ".wh.gone", content: "" },
        { path: "opaque", kind: "dir", modeOctal: 0o700 },
        { path: "opaque/.wh..wh..opq", content: "" },
        { path: "opaque/new", content: "x" },
      ])
      .build();
    for (const [path, bytes] of layoutFiles(built, "1")) await Bun.write(join(world.dir, "odd", path), bytes);
    const script = `stat -c '%n %a %h' /bin/suid /bin/suid-too /opaque; ls /opaque; ls /gone 2> /dev/null || echo none
      stat -c '%F %t:%T' /disk /pipe; cat /long/*/*/*; cat /disk 2> /dev/null || echo unreadable`;
    const image = `oci:${world.dir}/odd:1`;
    const look = await world.succeed([LOOSE, "-q", "run", "--net=none", image, "--exec=sh", "--", "-c", script]);
    expect(look.stdout.split("\n").slice(0, 9)).toEqual([
      "/bin/suid 6755 2",
      "/bin/suid-too 6755 2",
      expect.stringMatching(/^\/opaque 700 /),
      "new",
      "none",
      "block special file 7:c8",
      "fifo 0:0",
      "long",
      "unreadable",
    ]);
    const effective = async (...flags: string[]) => {
      const show = ["--exec=/bin/busybox-bound", ...flags, "--", "grep", "CapEff", "/proc/self/status"];
      const ran = await world.succeed([LOOSE, "-q", "run", "--net=none", "--user=web", image, ...show]);
      return ran.stdout.trim().split(/\s+/).at(-1);
    };
    expect(await effective()).toBe("0000000000000000");
    expect(await effective("--no-new-privileges=false", "--seccomp=unconfined")).toBe("0000000000000400");
  },
  TIMEOUT_MS,
);
