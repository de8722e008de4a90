import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { call } from "../programs.ts";
import type { Subject } from "../subject.ts";

const BUILD = new URL("../../tools/build.ts", import.meta.url).pathname;

/** Start-up alone: `gantry version` against the least that Bun compiles to. */
export const version: Subject = {
  name: "version",
  title: "Start-up: `gantry version`",
  unit: "ms",
  rounds: 60,
  open: (lab) => {
    const [source, bare] = [join(lab.world.dir, "bare.ts"), join(lab.world.dir, "bare-program")];
    writeFileSync(source, 'import { writeSync } from "node:fs";\nwriteSync(1, "bare\\n");\nprocess.exit(0);\n');
    call([process.execPath, BUILD, source, bare]);
    return Promise.resolve({
      base: "bare compiled program",
      contenders: [
        { name: "bare compiled program", run: () => void call([bare]) },
        { name: "gantry version", run: () => void call([...lab.gantryArgv(["version"]).slice(0, 1), "version"]) },
      ],
      goals: [
        {
          text: "gantry version above the bare program",
          value: (median) => median("gantry version") - median("bare compiled program"),
          limit: 2,
          unit: "ms",
        },
      ],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
};
