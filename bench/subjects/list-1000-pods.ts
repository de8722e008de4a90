import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IMAGE } from "../lab.ts";
import { call } from "../programs.ts";
import type { Subject } from "../subject.ts";

const COUNT = 1000;

/** `list` on a root with many pods, prepared ones: each is a directory like any other. */
export const listPods: Subject = {
  name: "list-1000-pods",
  title: `\`gantry list\` with ${COUNT} pods`,
  unit: "ms",
  rounds: 15,
  open: (lab) => {
    lab.gantry(["prepare", IMAGE]);
    const dir = join(lab.world.root, "pods/prepared");
    const [first = ""] = readdirSync(dir);
    for (let i = 1; i < COUNT; i++) copyPod(dir, { from: first, to: crypto.randomUUID() });
    const version = [lab.gantryArgv([])[0] ?? "", "version"];
    return Promise.resolve({
      base: "gantry version",
      contenders: [
        { name: "gantry version", run: () => void call(version) },
        { name: "gantry list", run: () => void lab.gantry(["list"]) },
        { name: "gantry list --json", run: () => void lab.gantry(["list", "--json"]) },
      ],
      goals: [{ text: "gantry list", value: (median) => median("gantry list"), limit: 100, unit: "ms" }],
      [Symbol.asyncDispose]: () => {
        // All but the first go as they came: `rm` one by one would take longer than the measurement.
        for (const pod of readdirSync(dir)) if (pod !== first) call(["rm", "-r", join(dir, pod)]);
        return Promise.resolve();
      },
    });
  },
};

function copyPod(dir: string, pod: { readonly from: string; readonly to: string }): void {
  cpSync(join(dir, pod.from), join(dir, pod.to), { recursive: true });
  const path = join(dir, pod.to, "pod.json");
  writeFileSync(path, readFileSync(path, "utf8").replaceAll(pod.from, pod.to));
}
