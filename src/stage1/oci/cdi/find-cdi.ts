import { readTrustedFiles } from "../../../sys/linux/trusted-files.ts";
import { Stage1Error } from "../../errors.ts";
import { type CdiEdits, type CdiSpec, parseCdi } from "./parse-cdi.ts";

/** Where specifications are, weakest first: what is installed, then what was made since the host started. */
export const CDI_SPEC_DIRS: readonly string[] = ["/etc/cdi", "/var/run/cdi"];

const NO_EDITS: CdiEdits = { env: [], deviceNodes: [], mounts: [], hooks: [], additionalGids: [] };

/**
 * What devices by their full names change in a container, joined in the order named; the edits of a specification itself
 * come once, before those of its first device. Spec: CDI 0.8.0, "Specification File Locations" and "Device Resolution"
 * @throws {Stage1Error} "stage1/no-device" for a name in no specification, or in two of one directory; "stage1/bad-cdi"
 */
export function findCdiDevices(names: readonly string[], dirs: readonly string[] = CDI_SPEC_DIRS): CdiEdits {
  const levels = dirs.map((dir) => readTrustedFiles(dir, [".json", ".yaml", ".yml"]).map(parseCdi));
  const seen = new Set<CdiSpec>();
  let edits = NO_EDITS;
  for (const name of names) {
    const { spec, device } = findDevice(name, levels, dirs);
    if (!seen.has(spec)) edits = join(edits, spec.edits);
    seen.add(spec);
    edits = join(edits, device);
  }
  return edits;
}

function findDevice(
  name: string,
  levels: readonly (readonly CdiSpec[])[],
  dirs: readonly string[],
): { readonly spec: CdiSpec; readonly device: CdiEdits } {
  const equals = name.indexOf("=");
  const [kind, own] = [name.slice(0, equals), name.slice(equals + 1)];
  for (const level of levels.toReversed()) {
    const found = level.flatMap((spec) => {
      const device = spec.kind === kind ? spec.devices.get(own) : undefined;
      return device === undefined ? [] : [{ spec, device }];
    });
    const [first, second] = found;
    if (second !== undefined) {
      const files = found.map(({ spec }) => spec.path);
      throw new Stage1Error(
        "stage1/no-device",
        `Cannot use device "${name}": ${files.join(" and ")} both describe it`,
        {
          hint: "remove one of the files",
          data: { name, files },
        },
      );
    }
    if (first !== undefined) return first;
  }
  const known = levels.flat().flatMap((spec) => [...spec.devices.keys()].map((one) => `${spec.kind}=${one}`));
  throw new Stage1Error("stage1/no-device", `Cannot find device "${name}" in ${dirs.join(" or ")}`, {
    hint:
      known.length === 0
        ? "no device is described there: install its vendor's CDI specification"
        : `use one of: ${known.slice(0, 20).join(", ")}`,
    data: { name },
  });
}

function join(one: CdiEdits, other: CdiEdits): CdiEdits {
  return {
    env: [...one.env, ...other.env],
    deviceNodes: [...one.deviceNodes, ...other.deviceNodes],
    mounts: [...one.mounts, ...other.mounts],
    hooks: [...one.hooks, ...other.hooks],
    additionalGids: [...new Set([...one.additionalGids, ...other.additionalGids])],
  };
}
