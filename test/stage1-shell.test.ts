import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { anImage, encodeArchive } from "../src/testing/image-builder.ts";
import { createGpgKey } from "./harness/gpg-key.ts";
import type { World } from "./harness/world.ts";
import { runStage1Suite } from "./stage1-suite.ts";

const EXAMPLE = new URL("../examples/stage1-shell/", import.meta.url).pathname;
const PROGRAMS = ["run", "enter", "stop", "gc"] as const;

/** The example as its README makes it: an image of the five programs, signed, trusted under its name, and stored. */
async function provideStage1(world: World): Promise<void> {
  const entries = Object.fromEntries(PROGRAMS.map((name) => [`dev.gantry/stage1/${name}`, `/stage1/${name}`]));
  const image = anImage()
    .withLayer(
      [...PROGRAMS, "app", "lib.sh"].map((name) => ({
        path: `stage1/${name}`,
        content: readFileSync(join(EXAMPLE, name)),
        modeOctal: 0o755,
      })),
    )
    .withAnnotations({ ...entries, "dev.gantry/stage1/interface-version": "1", "dev.gantry/stage1/regime": "shell" });
  const archive = join(world.dir, "shell-stage1.oci.tar");
  writeFileSync(archive, encodeArchive(image.build(), "1"));
  const key = await createGpgKey(world);
  await key.sign(archive);
  await world.succeed([
    "trust",
    "add",
    "--prefix=localhost/shell-stage1",
    key.publicFile,
    `--fingerprint=${key.fingerprint}`,
  ]);
  await world.succeed(["fetch", `oci-archive:${archive}:1`]);
}

runStage1Suite({
  stage1: "localhost/shell-stage1:1",
  prepare: provideStage1,
  skip: [
    {
      reason:
        "the supervisor, a shell with its helpers, is counted in the one cgroup of the pod, so a limit of 12 is too low",
      behaviours: ["a process limit holds, and update changes it"],
    },
  ],
});
