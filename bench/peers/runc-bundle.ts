import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab.ts";
import { call } from "../programs.ts";

/** Unpacks the lab's image into a bundle for runc that runs `argv`, and returns its directory. */
export function makeRuncBundle(lab: Lab, argv: readonly string[]): string {
  const dir = join(lab.world.dir, "runc");
  mkdirSync(dir, { recursive: true });
  const bundle = join(dir, "bundle");
  call(["skopeo", "copy", "--quiet", `oci-archive:${lab.archive}:1`, `oci:${dir}/layout:1`]);
  call(["umoci", "unpack", "--image", `${dir}/layout:1`, bundle]);
  const path = join(bundle, "config.json");
  const spec = JSON.parse(readFileSync(path, "utf8"));
  Object.assign(spec.process, { terminal: false, args: argv });
  delete spec.process.rlimits; // raising one needs CAP_SYS_RESOURCE, which not every host gives
  writeFileSync(path, JSON.stringify(spec));
  return bundle;
}
