import { expect, test } from "bun:test";
import { createGpgKey } from "./harness/gpg-key.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;

test(
  "trust: unsigned, unknown key, wrong prefix are refused; the right prefix runs; a revoked key is refused at the next start",
  async () => {
    await using world = await createWorld();
    const archive = writeArchive(world, "app");
    const image = `oci-archive:${archive}:1`;
    const run = ["run", image, "--net=none", "--exec=/bin/true"];

    const unsigned = await world.gantry(["fetch", image, "--json"]);
    expect(unsigned.exitCode).toBe(4);
    expect(JSON.parse(unsigned.stderr).error.code).toBe("trust/unsigned");
    expect((await world.gantry(run)).exitCode).toBe(254);

    const key = await createGpgKey(world);
    await key.sign(archive);
    const unknown = await world.gantry(["fetch", image, "--json"]);
    expect(JSON.parse(unknown.stderr).error.code).toBe("trust/unknown-key");

    const trust = (prefix: string) =>
      world.succeed(["trust", "add", `--prefix=${prefix}`, key.publicFile, `--fingerprint=${key.fingerprint}`]);
    await trust("localhost/app-other");
    const wrong = await world.gantry(["fetch", image, "--json"]);
    expect(JSON.parse(wrong.stderr).error.code).toBe("trust/wrong-prefix");
    expect(wrong.stderr).toContain("localhost/app-other");

    await trust("localhost/app");
    expect((await world.gantry(run)).exitCode).toBe(0);
    const { uuid } = JSON.parse(
      (await world.succeed(["prepare", image, "--net=none", "--exec=/bin/true", "--json"])).stdout,
    );

    await world.succeed(["trust", "revoke", key.fingerprint, "--reason=stolen"]);
    const revoked = await world.gantry(["run-prepared", uuid]);
    expect(revoked.exitCode).toBe(254);
    expect(revoked.stderr).toContain("revoked");
    const cached = await world.gantry(["run", "localhost/app:1", "--net=none", "--exec=/bin/true"]);
    expect(cached.exitCode).toBe(254);

    const other = writeArchive(world, "other", busyboxImage([{ path: "other", content: "x" }]));
    expect((await world.gantry(["fetch", `oci-archive:${other}:1`])).exitCode).toBe(4);
  },
  TIMEOUT_MS,
);

test(
  "trust: --insecure-options=image runs, says so, and is visible in status",
  async () => {
    await using world = await createWorld();
    const image = `oci-archive:${writeArchive(world, "app")}:1`;
    const ran = await world.gantry(["--insecure-options=image", "run", "--name=loud", image, "--net=none"]);
    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toBe("hello\n");
    expect(ran.stderr).toContain("WITHOUT a verified signature");
    const status = JSON.parse((await world.succeed(["status", "loud", "--json"])).stdout);
    expect(status.insecureOptions).toEqual(["image"]);
    expect(status.exitCode).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "trust add: without a terminal and without --fingerprint nothing is stored; a wrong fingerprint is refused",
  async () => {
    await using world = await createWorld();
    const key = await createGpgKey(world);
    expect((await world.gantry(["trust", "add", "--prefix=localhost/app", key.publicFile])).exitCode).toBe(4);
    const wrong = ["trust", "add", "--prefix=localhost/app", key.publicFile, `--fingerprint=${"0".repeat(40)}`];
    expect((await world.gantry(wrong)).exitCode).toBe(4);
    expect((await world.gantry(["trust", "add", key.publicFile])).exitCode).toBe(2);
    expect(JSON.parse((await world.succeed(["trust", "list", "--json"])).stdout)).toEqual([]);
  },
  TIMEOUT_MS,
);
