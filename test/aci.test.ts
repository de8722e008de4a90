import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { discoveryPage, startDiscoveryServer } from "../src/testing/discovery-server.ts";
import { aciManifest, makeAci, run } from "./harness/aci.ts";
import { createGpgKey } from "./harness/gpg-key.ts";
import { startServices } from "./harness/services.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 180_000;
const INSECURE = "--insecure-options=image";

test(
  "aci: an image made with tar runs, however it is compressed; gc keeps its archive; its ID names it",
  async () => {
    await using world = await createWorld();
    for (const compression of ["none", "gzip", "bzip2", "xz", "zstd"] as const) {
      const file = makeAci(world, `example.com/${compression}`, { compression });
      const ran = await world.gantry([INSECURE, "run", `aci:${file}`, "--net=none"]);
      expect(ran.stderr).toContain("WITHOUT a verified signature");
      expect(ran.stdout).toBe(`hello from example-com-${compression}\n`);
      expect(ran.exitCode).toBe(0);
    }
    const id = run(["sh", "-c", `zcat ${join(world.dir, "example.com_gzip.aci")} | sha512sum`]).slice(0, 128);
    await world.succeed(["gc", "--grace-period=0s"]);
    await world.succeed(["image", "gc", "--grace-period=0s"]);
    const fetched = JSON.parse(
      (await world.succeed([INSECURE, "fetch", `aci:${join(world.dir, "example.com_gzip.aci")}`, "--json"])).stdout,
    );
    expect(fetched[0].imageId).toMatch(/^sha512-[0-9a-f]{128}$/);
    const byId = await world.gantry([INSECURE, "run", `sha512-${id.slice(0, 16)}`, "--net=none"]);
    expect(byId.stdout).toBe("hello from example-com-gzip\n");
  },
  TIMEOUT_MS,
);

test(
  "aci: by name from a discovery server, signed with gpg as rkt did; unsigned, other names and other versions are refused",
  async () => {
    await using world = await createWorld();
    const { discovery } = await startServices(world);
    const host = `localhost:${discovery.port}`;
    const key = await createGpgKey(world);
    const template = `${host} ${discovery.origin()}/images/{name}-{version}-{os}-{arch}.{ext}`;
    discovery.serve("/app", discoveryPage([["ac-discovery", template]]));
    const publish = (file: string, version: string) =>
      discovery.serve(`/images/${host}/app-${version}-linux-amd64.aci`, { body: readFileSync(file) });
    const file = makeAci(world, "localhost/app");
    publish(file, "1.0.0");
    const unsigned = await world.gantry(["fetch", `${host}/app:1.0.0`, "--json"]);
    expect(JSON.parse(unsigned.stderr).error.code).toBe("trust/unsigned");
    expect(unsigned.exitCode).toBe(4);

    await key.sign(file);
    discovery.serve(`/images/${host}/app-1.0.0-linux-amd64.aci.asc`, { body: readFileSync(`${file}.asc`) });
    await world.succeed(["trust", "add", `--prefix=${host}/app`, key.publicFile, `--fingerprint=${key.fingerprint}`]);
    expect((await world.gantry(["run", `${host}/app:1.0.0`, "--net=none"])).stdout).toBe("hello from app\n");
    expect((await world.gantry(["run", `${host}/app:1.0.0`, "--net=none", "--pull=never"])).exitCode).toBe(0);

    publish(file, "2.0.0");
    discovery.serve(`/images/${host}/app-2.0.0-linux-amd64.aci.asc`, { body: readFileSync(`${file}.asc`) });
    const replayed = await world.gantry(["fetch", `${host}/app:2.0.0`, "--json"]);
    expect(JSON.parse(replayed.stderr).error.code).toBe("image/name-mismatch");
    expect(replayed.exitCode).toBe(4);

    // Without the key the stored image is refused, and with --pull=never nobody is asked for a better signature.
    await world.succeed(["trust", "remove", key.fingerprint, `--prefix=${host}/app`]);
    const asked = discovery.requests.length;
    const refused = await world.gantry(["run", `${host}/app:1.0.0`, "--net=none", "--pull=never"]);
    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toContain("Cannot trust");
    expect(discovery.requests.length).toBe(asked);
  },
  TIMEOUT_MS,
);

test(
  "aci: hostile images are refused with exit code 2 and leave nothing",
  async () => {
    await using world = await createWorld();
    const refused = async (name: string, make: (dir: string) => void, code: string) => {
      const dir = join(world.dir, name);
      run(["mkdir", "-p", join(dir, "rootfs/etc")]);
      writeFileSync(join(dir, "manifest"), aciManifest("example.com/bad"));
      make(dir);
      const file = `${dir}.aci`;
      if (!run(["ls", world.dir]).split("\n").includes(`${name}.aci`)) run(["tar", "-cf", file, "-C", dir, "."]);
      const result = await world.gantry([INSECURE, "fetch", `aci:${file}`, "--json"]);
      expect([name, JSON.parse(result.stderr.trim().split("\n").at(-1) ?? "").error.code]).toEqual([name, code]);
      expect(result.exitCode).toBe(2);
    };
    const tar = (dir: string, ...args: string[]) => run(["tar", "-cf", `${dir}.aci`, "-C", dir, ...args]);
    await refused("no-manifest", (dir) => tar(dir, "rootfs"), "image/bad-archive");
    await refused("no-rootfs", (dir) => tar(dir, "manifest"), "image/bad-archive");
    await refused("extra", (dir) => writeFileSync(join(dir, "other"), ""), "image/bad-archive");
    await refused("twice", (dir) => tar(dir, "manifest", "rootfs", "manifest"), "image/bad-archive");
    await refused(
      "file-twice",
      (dir) => {
        writeFileSync(join(dir, "rootfs/a"), "");
        tar(dir, "manifest", "rootfs", "rootfs/a");
      },
      "image/bad-archive",
    ); // prettier-ignore
    await refused(
      "climbs",
      (dir) => {
        run([
          "tar",
          "-cPf",
          `${dir}.aci`,
          "-C",
          dir,
          "--transform=s,^rootfs/etc,rootfs/../../etc,",
          "manifest",
          "rootfs",
        ]);
      },
      "image/bad-archive",
    ); // prettier-ignore
    await refused(
      "absolute",
      (dir) => {
        run(["tar", "-cPf", `${dir}.aci`, "-C", dir, "--transform=s,^rootfs/etc,/etc,", "manifest", "rootfs"]);
      },
      "image/bad-archive",
    ); // prettier-ignore
    await refused(
      "through-link",
      (dir) => {
        run(["ln", "-s", "/etc", join(dir, "rootfs/link")]);
        run(["mkdir", join(dir, "rootfs/zlink")]);
        writeFileSync(join(dir, "rootfs/zlink/passwd"), "");
        run(["tar", "-cf", `${dir}.aci`, "-C", dir, "--transform=s,zlink/passwd,link/passwd,", "manifest", "rootfs"]);
      },
      "image/bad-archive",
    ); // prettier-ignore
    await refused("whiteout", (dir) => writeFileSync(join(dir, "rootfs/.wh.etc"), ""), "image/bad-layer");
    await refused("bad-json", (dir) => writeFileSync(join(dir, "manifest"), "{"), "image/bad-manifest");
    await refused(
      "bad-name",
      (dir) => writeFileSync(join(dir, "manifest"), aciManifest("Bad Name")),
      "image/bad-manifest",
    );
    await refused(
      "cut",
      (dir) => {
        tar(dir, "manifest", "rootfs");
        run(["gzip", "-k", `${dir}.aci`]);
        run(["sh", "-c", `head -c 120 ${dir}.aci.gz > ${dir}.aci`]);
      },
      "image/bad-archive",
    ); // prettier-ignore
    await refused("no-archive", (dir) => writeFileSync(`${dir}.aci`, "hello"), "image/bad-archive");
    expect(JSON.parse((await world.succeed(["image", "list", "--json"])).stdout)).toEqual([]);
    expect(run(["ls", join(world.root, "tmp")])).toBe("");
  },
  TIMEOUT_MS,
);

test(
  "aci: dependencies lie beneath, in order, without what the white-list leaves out; each needs its own trust",
  async () => {
    await using world = await createWorld();
    const key = await createGpgKey(world);
    const second = await createGpgKey(world, "Second <second@example.com>");
    const keyOf = (name: string) => (name === "other" ? second : key);
    const publish = async (name: string, parts: Parameters<typeof makeAci>[2], version = "1.0.0") => {
      const file = makeAci(world, `localhost/${name}`, parts);
      await keyOf(name).sign(file);
      return `aci:${file}:localhost/${name}:${version}`;
    };
    const on = (...names: readonly string[]) =>
      names.map((name) => ({ imageName: `localhost/${name}`, labels: [{ name: "version", value: "1.0.0" }] }));
    const show = { exec: ["/bin/sh", "-c", "cat /layered /shared; ls /"], user: "0", group: "0" };
    const base = await publish("base", { files: { layered: "base\n", shared: "base\n", "only-base": "" } });
    const other = await publish("other", {
      bare: true,
      files: { shared: "other\n", secret: "" },
      manifest: { app: undefined },
    });
    const top = await publish("top", {
      bare: true,
      files: { layered: "top\n" },
      manifest: {
        app: show,
        dependencies: on("base", "other"),
        pathWhitelist: ["/bin/busybox", "/bin/sh", "/bin/cat", "/bin/ls", "/layered", "/shared", "/only-base"],
      },
    });
    for (const name of ["base", "other", "top"]) {
      const { publicFile, fingerprint } = keyOf(name);
      await world.succeed(["trust", "add", `--prefix=localhost/${name}`, publicFile, `--fingerprint=${fingerprint}`]);
    }
    for (const image of [base, other]) await world.succeed(["fetch", image]);
    const ran = await world.gantry(["run", top, "--net=none"]);
    const [layered, shared, ...names] = ran.stdout.trim().split("\n");
    expect([layered, shared]).toEqual(["top", "other"]);
    expect(names).toContain("only-base");
    expect(names).not.toContain("secret");

    // Twice the same: the conversion is deterministic.
    const digest = async () => JSON.parse((await world.succeed(["fetch", top, "--json"])).stdout)[0].digest;
    expect(await digest()).toBe(await digest());

    // A dependency that is not trusted any more stops the image that needs it.
    await world.succeed(["trust", "revoke", second.fingerprint, "--reason=stolen"]);
    const refused = await world.gantry(["run", "localhost/top:1.0.0", "--net=none"]);
    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toContain("localhost/other");
    expect(refused.stderr).toContain("revoked");

    // Cycles, wrong IDs and wrong labels.
    const fails = async (name: string, manifest: Readonly<Record<string, unknown>>) => {
      const image = await publish(name, { bare: true, manifest });
      return JSON.parse(
        (await world.gantry([INSECURE, "fetch", image, "--json"])).stderr.trim().split("\n").at(-1) ?? "",
      ).error;
    };
    expect((await fails("self", { dependencies: on("self") })).code).toBe("image/bad-dependency");
    const imageID = `sha512-${"0".repeat(128)}`;
    const wrong = await fails("wrong", { dependencies: [{ ...on("base")[0], imageID }] });
    expect(wrong.code).toBe("image/bad-dependency");
    const labels = [
      { name: "version", value: "1.0.0" },
      { name: "env", value: "canary" },
    ];
    expect((await fails("labels", { dependencies: [{ imageName: "localhost/base", labels }] })).code).not.toBe(
      undefined,
    );
  },
  TIMEOUT_MS,
);

test(
  "aci: dependencies are found by discovery over https, and theirs; missing, going round, or of another ID they are refused",
  async () => {
    await using world = await createWorld();
    const { authority } = await startServices(world);
    // Names in manifests have no port, so this is the one discovery asks.
    const tls = await authority.issue(["localhost"]);
    const server = world.use(await startDiscoveryServer({ tls, port: 443 }));
    const template = "localhost https://localhost/images/{name}-{version}-{os}-{arch}.{ext}";
    const on = (...names: readonly string[]) =>
      names.map((name) => ({ imageName: `localhost/${name}`, labels: [{ name: "version", value: "1.0.0" }] }));
    const publish = (name: string, parts: Parameters<typeof makeAci>[2]) => {
      const file = makeAci(world, `localhost/${name}`, parts);
      server.serve(`/${name}`, discoveryPage([["ac-discovery", template]]));
      server.serve(`/images/localhost/${name}-1.0.0-linux-amd64.aci`, { body: readFileSync(file) });
      return file;
    };
    const fetch = async (name: string) => {
      const result = await world.gantry([INSECURE, "fetch", `localhost/${name}:1.0.0`, "--json"]);
      const { error } = JSON.parse(result.stderr.trim().split("\n").at(-1) ?? "");
      return [error.code, result.exitCode, error.message];
    };
    publish("base", { files: { below: "base\n", hidden: "" } });
    const middle = {
      dependencies: on("base"),
      app: undefined,
      pathWhitelist: ["/bin/busybox", "/bin/cat", "/below", "/own"],
    };
    const file = publish("middle", { bare: true, files: { own: "middle\n" }, manifest: middle });
    const imageID = `sha512-${run(["sh", "-c", `gzip -dc ${file} | sha512sum`]).slice(0, 128)}`;
    const app = { exec: ["/bin/cat", "/below", "/own", "/top"], user: "0", group: "0" };
    const top = { dependencies: [{ ...on("middle")[0], imageID }], app };
    publish("top", { bare: true, files: { top: "top\n" }, manifest: top });
    const ran = await world.gantry([INSECURE, "run", "localhost/top:1.0.0", "--net=none"]);
    expect([ran.stdout, ran.exitCode]).toEqual(["base\nmiddle\ntop\n", 0]);
    for (const name of ["top", "middle", "base"])
      expect(server.requests).toContain(`GET localhost/images/localhost/${name}-1.0.0-linux-amd64.aci`);
    const hidden = await world.gantry([
      INSECURE,
      "run",
      "localhost/top:1.0.0",
      "--net=none",
      "--exec=/bin/cat",
      "--",
      "/hidden",
    ]);
    expect([hidden.exitCode, hidden.stderr]).toEqual([1, expect.stringContaining("/hidden")]);

    publish("lonely", { bare: true, manifest: { dependencies: on("nowhere") } });
    expect(await fetch("lonely")).toEqual(["transport/not-found", 3, expect.stringContaining("localhost/nowhere")]);
    publish("ping", { bare: true, manifest: { dependencies: on("pong") } });
    publish("pong", { bare: true, manifest: { dependencies: on("ping") } });
    const round = await fetch("ping");
    expect(round.slice(0, 2)).toEqual(["image/bad-dependency", 4]);
    expect(round[2]).toContain("localhost/ping → localhost/pong → localhost/ping");
    const other = { ...on("base")[0], imageID };
    publish("wrong", { bare: true, manifest: { dependencies: [other] } });
    expect((await fetch("wrong")).slice(0, 2)).toEqual(["image/bad-dependency", 4]);
    const names = JSON.parse((await world.succeed(["image", "list", "--json"])).stdout).map(
      (one: { name: string }) => one.name,
    );
    for (const name of ["lonely", "ping", "wrong"]) expect(names).not.toContain(`localhost/${name}:1.0.0`);
  },
  TIMEOUT_MS,
);
