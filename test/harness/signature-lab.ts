import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDebianRegistry } from "./debian-registry.ts";
import type { GantryResult } from "./gantry.ts";
import { createGpgKey, type GpgKey } from "./gpg-key.ts";
import { writeArchive } from "./images.ts";
import { succeedTool } from "./tool.ts";
import type { World } from "./world.ts";

/** Lets the binary speak to the registries of these stories. */
export const HTTP = "--insecure-options=http";

/** A registry that is not ours, a gpg key, and a lookaside for its signatures. */
export interface SignatureLab {
  readonly host: string;
  readonly key: GpgKey;
  /** Directory with registries.d and the lookaside it names, for skopeo and podman. */
  readonly registriesD: string;
  readonly lookaside: string;
}

/** Starts the lab; it ends with the world. */
export async function openLab(world: World): Promise<SignatureLab> {
  const { host } = await startDebianRegistry(world);
  const key = await createGpgKey(world);
  const registriesD = join(world.config, "registries.d");
  const lookaside = join(world.dir, "lookaside");
  mkdirSync(registriesD);
  writeFileSync(join(registriesD, "lab.yaml"), `docker:\n  ${host}:\n    lookaside: file://${lookaside}\n`);
  return { host, key, registriesD, lookaside };
}

/** Pushes the test image unsigned, with a tool that is not ours, and returns its digest. */
export async function push(world: World, lab: SignatureLab, name: string): Promise<string> {
  const archive = writeArchive(world, name.replaceAll("/", "-").replace(":", "-"));
  const to = `docker://${lab.host}/${name}`;
  await succeedTool(world, [
    "skopeo",
    "copy",
    "-q",
    "--insecure-policy",
    "--dest-tls-verify=false",
    `oci-archive:${archive}:1`,
    to,
  ]);
  const inspected = await succeedTool(world, ["skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", to]);
  return inspected.stdout.trim();
}

/** Writes a `policy.json` and returns its path. */
export function policyFile(world: World, name: string, policy: object): string {
  const path = join(world.dir, name);
  writeFileSync(path, JSON.stringify(policy));
  return path;
}

/** `signedBy` by that key. */
export const signedBy = (key: GpgKey, more: object = {}) => [
  { type: "signedBy", keyType: "GPGKeys", keyPath: key.publicFile, ...more },
];
/** Trusts a key without asking. */
export const trustKey = (world: World, prefix: string, file: string, fingerprint: string) =>
  world.succeed(["trust", "add", `--prefix=${prefix}`, file, `--fingerprint=${fingerprint}`]);
/** Code of the error that `--json` prints. */
export const codeOf = (stderr: string): string => JSON.parse(stderr.slice(stderr.indexOf('{"error"'))).error.code;
/** Fetches anew, whatever is stored. */
export const fetchImage = (world: World, image: string): Promise<GantryResult> =>
  world.gantry([HTTP, "fetch", "--pull-policy=update", "--json", image]);
