import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { anImage } from "../src/testing/image-builder.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";
const RUN = ["--net=none", "--exec=true"];

test(
  "stage1: rules say which images run where, whoever asks; images ask, but never to be unconfined",
  async () => {
    await using world = await createWorld();
    for (const name of ["app", "other"]) {
      await world.succeed([
        LOOSE,
        "fetch",
        `oci-archive:${writeArchive(world, name, busyboxImage([{ path: name }]))}:1`,
      ]);
    }
    const regimeOf = async (...args: readonly string[]) => {
      const pod = (await world.succeed([LOOSE, "-q", "prepare", ...args, ...RUN])).stdout.trim();
      return JSON.parse((await world.succeed(["cat-manifest", pod])).stdout).stage1.regime;
    };
    expect(await regimeOf("localhost/app:1")).toBe("systemd");
    expect(await regimeOf("--stage1=fly", "localhost/app:1")).toBe("fly");

    const policy = join(world.config, "stage1.json");
    const rules = [
      { prefix: "localhost/app", only: ["fly"] },
      { prefix: "localhost/other", never: ["fly"] },
    ];
    writeFileSync(policy, JSON.stringify({ default: "systemd", rules }));
    expect(await regimeOf("localhost/app:1")).toBe("fly");
    for (const [asked, image] of [
      ["systemd", "localhost/app:1"],
      ["fly", "localhost/other:1"],
    ] as const) {
      const refused = await world.gantry([LOOSE, "--json", "prepare", `--stage1=${asked}`, image, ...RUN]);
      expect(refused.exitCode).toBe(4);
      const { error } = JSON.parse(refused.stderr.trim().split("\n").at(-1) ?? "");
      expect(error.code).toBe("stage1/forbidden");
      expect(error.message).toContain(policy);
    }

    writeFileSync(policy, '{"rules":[{"prefix":"","only":"kvm"}]}');
    const broken = await world.gantry([LOOSE, "prepare", "localhost/app:1", ...RUN]);
    expect([broken.exitCode, broken.stderr.includes(policy)]).toEqual([2, true]);
    const unknown = await world.gantry([LOOSE, "prepare", "--stage1=nosuch", "localhost/app:1", ...RUN]);
    expect(unknown.exitCode).toBe(3);
    writeFileSync(policy, "{}");
    const noStage1 = await world.gantry([LOOSE, "prepare", "--stage1=localhost/other:1", "localhost/app:1", ...RUN]);
    expect([noStage1.exitCode, noStage1.stderr.includes("interface version")]).toEqual([2, true]);

    const asking = (wish: string) => busyboxImage().withConfig({ labels: { "dev.gantry.stage1": wish } });
    for (const [wish, got] of [
      ["oci", "oci"],
      ["fly", "systemd"],
    ] as const) {
      await world.succeed([LOOSE, "fetch", `oci-archive:${writeArchive(world, `asks-${wish}`, asking(wish))}:1`]);
      expect(await regimeOf(`localhost/asks-${wish}:1`)).toBe(got);
    }
  },
  TIMEOUT_MS,
);

test(
  "stage1: one whose program cannot be executed is told, in the foreground too, and nothing of the pod stays",
  async () => {
    await using world = await createWorld();
    const broken = anImage()
      .withLayer([
        { path: "run", content: "#!/no/such/shell\n", modeOctal: 0o755 },
        { path: "others", content: "#!/bin/sh\n", modeOctal: 0o755 },
      ])
      .withAnnotations({
        ...Object.fromEntries(["enter", "stop", "gc"].map((name) => [`dev.gantry/stage1/${name}`, "/others"])),
        "dev.gantry/stage1/run": "/run",
        "dev.gantry/stage1/interface-version": "1",
        "dev.gantry/stage1/regime": "broken",
      });
    for (const [name, image] of [
      ["broken", broken],
      ["app", busyboxImage()],
    ] as const) {
      await world.succeed([LOOSE, "fetch", `oci-archive:${writeArchive(world, name, image)}:1`]);
    }
    for (const detach of [[], ["-d"]]) {
      const ran = await world.gantry([
        LOOSE,
        "-q",
        "run",
        ...detach,
        "--stage1=localhost/broken:1",
        "localhost/app:1",
        ...RUN,
      ]);
      expect(ran.exitCode).toBe(254);
      expect(ran.stderr).toContain("/stage1/rootfs/run");
      expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
    }
  },
  TIMEOUT_MS,
);
