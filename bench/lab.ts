import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateKey } from "../src/trust/openpgp/generate-key.ts";
import { gantryArgv, gantryEnv } from "../test/harness/gantry.ts";
import { busyboxImage, writeArchive } from "../test/harness/images.ts";
import type { World } from "../test/harness/world.ts";
import { call } from "./programs.ts";

/** Where subjects work: a private root of Gantry and one small signed image, known to it as `IMAGE`. */
export interface Lab {
  readonly world: World;
  /** The image as an OCI archive with the name "1". */
  readonly archive: string;
  /** Runs the binary to its end, with the lab's root, and returns its stdout. */
  gantry(args: readonly string[]): string;
  /** Command line and environment of the binary, for subjects that start it themselves. */
  gantryArgv(args: readonly string[]): string[];
  gantryEnv(): Record<string, string>;
}

/** Name of the lab's image in Gantry's store. */
export const IMAGE = "localhost/app:1";

/** Makes a lab; the world it stands in checks at its end that nothing stays on the host. */
export async function openLab(world: World): Promise<Lab> {
  const key = await generateKey({ name: "bench", email: "bench@localhost" });
  const [keyFile, publicFile] = [join(world.dir, "bench.key.asc"), join(world.dir, "bench.pub.asc")];
  writeFileSync(keyFile, key.privateKey, { mode: 0o600 });
  writeFileSync(publicFile, key.publicKey);
  const archive = writeArchive(world, "app", busyboxImage());
  const options = { root: world.root, config: world.config };
  const argv = (args: readonly string[]): string[] => gantryArgv(["-q", ...args], options);
  const env = (): Record<string, string> => gantryEnv({ env: Object.fromEntries(world.env) });
  const lab: Lab = {
    world,
    archive,
    gantry: (args) => call(argv(args), { env: env() }),
    gantryArgv: argv,
    gantryEnv: env,
  };
  lab.gantry(["trust", "add", "--prefix=localhost/app", `--fingerprint=${key.fingerprint}`, publicFile]);
  lab.gantry(["sign", `--key=${keyFile}`, archive]);
  lab.gantry(["fetch", `oci-archive:${archive}:1`]);
  return lab;
}
