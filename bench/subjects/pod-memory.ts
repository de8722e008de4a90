import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { IMAGE } from "../lab.ts";
import { proportionalMb } from "../peak-memory.ts";
import { loadIntoPodman, openPodman, PODMAN_LIMITS } from "../peers/podman.ts";
import type { Subject } from "../subject.ts";

/** What a running pod keeps in memory: proportional set sizes, so that shared pages count once. */
export const podMemory: Subject = {
  name: "pod-memory",
  title: "Memory that a running, detached pod holds beside its app",
  unit: "MB",
  rounds: 3,
  open: (lab) => {
    const stack = new AsyncDisposableStack();
    const podman = stack.use(openPodman());
    const image = loadIntoPodman(podman, lab);
    const before = new Set(processes().map(({ pid }) => pid));
    const uuidFile = join(lab.world.dir, "memory.uuid");
    lab.gantry(["run", "-d", "--net=none", `--uuid-file-save=${uuidFile}`, IMAGE, "--exec=/bin/sleep", "--", "1000"]);
    const ours = processes().filter(({ pid }) => !before.has(pid));
    const pod = readFileSync(uuidFile, "utf8").trim();
    stack.defer(() => void lab.gantry(["stop", "--force", pod]));
    podman.call(["run", "-d", "--net=none", ...PODMAN_LIMITS, image, "/bin/sleep", "1000"]);
    const theirs = processes().filter(({ pid }) => !before.has(pid) && !ours.some((one) => one.pid === pid));
    const sum = (some: readonly Process[], wanted: (one: Process) => boolean): number =>
      some.filter(wanted).reduce((total, { pid }) => total + proportionalMb(pid), 0);
    const isApp = (one: Process): boolean => /\/busybox$/.test(one.program);
    const gantryBinary = lab.gantryArgv([])[0];
    return Promise.resolve({
      base: "podman: conmon",
      contenders: [
        { name: "gantry: JavaScript", run: () => sum(ours, (one) => one.program === gantryBinary) },
        { name: "gantry: nspawn, systemd, output", run: () => sum(ours, (one) => !isApp(one)) },
        { name: "podman: conmon", run: () => sum(theirs, (one) => !isApp(one)) },
      ],
      goals: [{ text: "JavaScript that stays", value: (median) => median("gantry: JavaScript"), limit: 0, unit: "MB" }],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    });
  },
};

interface Process {
  readonly pid: number;
  readonly program: string;
}

function processes(): Process[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [{ pid: Number(name), program: readlinkSync(`/proc/${name}/exe`) }];
    } catch {
      return []; // a kernel thread, or it has just ended
    }
  });
}
