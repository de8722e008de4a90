import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runStrangersProcedure } from "./harness/audit-procedure.ts";
import { writeArchive } from "./harness/images.ts";
import { createTpmMachine } from "./harness/tpm-machine.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 300_000;
const NONCES = ["00112233445566778899aabb", "ffeeddccbbaa998877665544"] as const;

/** Defines `try NAME COMMAND…`: runs it and leaves output and exit code in `/state/out`. */
const PRELUDE = `
export PATH=/usr/bin HOME=/tmp
cd /state/out
mkdir -p /state/config
gantry() { command gantry --root=/state/root --config=/state/config "$@"; }
try() { name=$1; shift; "$@" > "$name.out" 2> "$name.err" < /dev/null; echo $? > "$name.code"; echo "$name $(cat "$name.code") $(date +%s)"; }
`;

const FIRST_BOOT = `${PRELUDE}
ls -l /dev/tpm0 /dev/tpmrm0
try init gantry audit init --json
try run gantry --insecure-options=image run --stage1=fly --net=host oci-archive:/files/app.oci.tar:1 --exec=/bin/sh -- -c 'exit 3'
try check gantry audit check --json
mkdir -p first second
try quote gantry audit quote --nonce=${NONCES[0]} --out=/state/out/first
# One program at a time may have the device without a resource manager.
try raw env GANTRY_TPM=/dev/tpm0 gantry --root=/state/root --config=/state/config audit check --json
echo '{ "tpm": "/dev/tpm0", "tpmTimeoutMs": 500 }' > /state/config/audit.json
exec 3<> /dev/tpm0
try busy gantry audit check --json
exec 3>&-
echo '{ "tpm": "/dev/tpm0", "tpmTimeoutMs": 30000 }' > /state/config/audit.json
( exec 3<> /dev/tpm0; sleep 6 ) &
sleep 1
try waited gantry audit check --json
wait
rm /state/config/audit.json
`;

const SECOND_BOOT = `${PRELUDE}
try after gantry audit check --json
try run gantry --insecure-options=image run --stage1=fly --net=host oci-archive:/files/app.oci.tar:1 --exec=/bin/true
try check gantry audit check --json
try again gantry audit init --json
mkdir -p first second
try quote gantry audit quote --nonce=${NONCES[1]} --out=/state/out/second
try log gantry audit log --json
`;

interface Verdict {
  readonly ok: boolean;
  readonly anchor: string;
  readonly size: number;
  readonly anchoredSize: number;
  readonly problems: readonly { readonly kind: string }[];
}

test(
  "device: in a machine with a TPM the kernel's device anchors the log, over a reboot, and a stranger checks it elsewhere",
  async () => {
    await using world = await createWorld();
    const machine = await createTpmMachine(world.dir, [writeArchive(world, "app")]);
    let left = await machine.boot(FIRST_BOOT);
    const code = (name: string) => `${name} ${left.file(`${name}.code`).trim()}: ${left.file(`${name}.err`)}`;
    const verdict = (name: string): Verdict => JSON.parse(left.file(`${name}.out`));

    expect(code("init")).toBe("init 0: ");
    expect(code("run")).toStartWith("run 3: ");
    expect(left.file("run.err")).not.toContain("UNANCHORED");
    for (const name of ["check", "raw", "waited"]) {
      expect(code(name)).toBe(`${name} 0: `);
      expect(verdict(name)).toMatchObject({ ok: true, anchor: "anchored" });
    }
    expect(code("busy")).toStartWith("busy 1: ");
    expect(verdict("busy").problems.map(({ kind }) => kind)).toEqual(["tpm-unavailable"]);
    const size = verdict("waited").size;
    const identity = left.file("init.out");
    const stranger = (name: string, nonce: string) => {
      const dir = join(world.dir, `stranger-${name}`);
      mkdirSync(dir);
      writeFileSync(join(dir, "identity.json"), identity);
      symlinkSync(join(machine.outDir, name), join(dir, "quote"));
      return runStrangersProcedure(dir, nonce);
    };
    expect(code("quote")).toBe("quote 0: ");
    expect(stranger("first", NONCES[0])).toMatchObject({ exitCode: 0, output: expect.stringContaining("PROVEN: ") });

    left = await machine.boot(SECOND_BOOT);
    for (const name of ["after", "run", "check", "again", "quote"]) expect(code(name)).toStartWith(`${name} 0: `);
    expect(verdict("after")).toMatchObject({ ok: true, anchor: "anchored", problems: [] });
    expect(verdict("check").anchoredSize).toBeGreaterThan(size);
    expect(JSON.parse(left.file("again.out"))).toEqual(JSON.parse(identity)); // the same key, index and log
    expect(stranger("second", NONCES[1])).toMatchObject({ exitCode: 0, output: expect.stringContaining("PROVEN: ") });
    const events = JSON.parse(left.file("log.out")) as { readonly kind: string; readonly data: { bootId?: string } }[];
    expect(events.filter(({ kind }) => kind === "audit.started").length).toBe(2);
    expect(events.map(({ kind }) => kind)).not.toContain("log.damaged");
    expect(events.map(({ kind }) => kind)).not.toContain("audit.anchor-lost");
    // The TPM counts its resets; both quotes name another one.
    expect(resetCount(machine.outDir, "second")).toBe(resetCount(machine.outDir, "first") + 1);
  },
  TIMEOUT_MS,
);

function resetCount(outDir: string, name: string): number {
  const printed = Bun.spawnSync(["tpm2_print", "-t", "TPMS_ATTEST", join(outDir, name, "nv.msg")]).stdout.toString();
  return Number(/resetCount: (\d+)/.exec(printed)?.[1]);
}
