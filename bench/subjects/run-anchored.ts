import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { extendIndex } from "../../src/audit/anchor/extend.ts";
import { provisionIndex } from "../../src/audit/anchor/provision-index.ts";
import { Tpm } from "../../src/audit/anchor/tpm.ts";
import { openFiles } from "../../src/sys/linux/files.ts";
import { startSoftwareTpm } from "../../src/testing/software-tpm.ts";
import { IMAGE } from "../lab.ts";
import type { Subject } from "../subject.ts";

const ANCHORED = "gantry run, anchored in a software TPM";
const PLAIN = "gantry run, anchor off";
const TPM_ALONE = "the TPM's own time: connect, session, extend";

/** What the anchor costs in `run`: everything beyond the time that the TPM itself takes. */
export const runAnchored: Subject = {
  name: "run-anchored",
  title: "`run /bin/true` with the event log anchored in a TPM",
  unit: "ms",
  rounds: 25,
  open: async (lab) => {
    const stack = new AsyncDisposableStack();
    const [used, alone] = [stack.use(await startSoftwareTpm()), stack.use(await startSoftwareTpm())];
    const settings = join(lab.world.config, "audit.json");
    const configure = (value: object) => () => writeFileSync(settings, JSON.stringify(value));
    const anchored = configure({ tpm: used.socket });
    const off = configure({ anchor: "off" });
    anchored();
    lab.gantry(["audit", "init"]);
    stack.defer(() => rmSync(settings));
    const facts = provisionAlone(alone.socket, join(lab.world.dir, "alone"));
    const run = () => void lab.gantry(["run", "--net=none", IMAGE, "--exec=/bin/true"]);
    return {
      base: PLAIN,
      contenders: [
        { name: ANCHORED, before: anchored, run },
        { name: PLAIN, before: off, run },
        {
          name: TPM_ALONE,
          run: () => {
            using tpm = Tpm.open(alone.socket, "socket", 10_000);
            extendIndex(tpm, "00".repeat(32), { isFirst: false, counter: facts.counter });
          },
        },
      ],
      goals: [
        {
          text: "the anchor beyond the TPM's own time",
          value: (median) => median(ANCHORED) - median(PLAIN) - median(TPM_ALONE),
          limit: 5,
          unit: "ms",
        },
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  },
};

function provisionAlone(socket: string, dir: string): { readonly counter: number } {
  using tpm = Tpm.open(socket, "socket", 10_000);
  const log = { files: openFiles(dir), bootId: "bench", stamp: (event: { readonly type: string }) => ({ ...event }) };
  return provisionIndex(tpm, log, { ownerAuth: "", akName: "", ekHash: "", hostname: "bench" });
}
