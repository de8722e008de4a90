import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { controlledBy, type Succeeded, tryControls } from "./regimes/attack-controls.ts";
import { type AttackLab, openAttackLab } from "./regimes/attack-lab.ts";
import { ATTACKS, type Attack, MORE_ATTACKS, parseSaid, type Said } from "./regimes/attacks.ts";
import { REGIMES, type Regime } from "./regimes/lab.ts";
import { type Cell, documentedTable, renderTable } from "./regimes/table.ts";

// Escapes and leaks, tried for real from inside a pod of every regime; whether one has worked is asked outside: did the
// host change, was a secret read, did the call reach the host's own kernel? The outcome is a table in docs/regimes.md.
// Each attempt has a control, a place without protection in which the same code must succeed: else a refusal says nothing.
const TIMEOUT_MS = 180_000;
const ALL = [...ATTACKS, ...MORE_ATTACKS];
const CONTROL = "without protection";
const measured = new Map(ALL.map(({ name }) => [name, new Map<Regime | typeof CONTROL, Cell>()]));
const HAS_IT = "Where the host's kernel has it at all: the test looks, and expects accordingly.";
const only = process.env["GANTRY_REGIMES"]?.split(",");

/** `open`: the host or a neighbour was reached; `contained`: it went through and met only what is the pod's own. */
type Outcome = "open" | "contained" | "refused";

interface Seen {
  readonly said: ReadonlyMap<string, Said>;
  readonly changes: ReadonlySet<string>;
  readonly secrets: readonly string[];
  readonly isHostKernel: boolean;
}

function judge(attack: Attack, seen: Seen): Outcome {
  const { did, loot } = seen.said.get(attack.id) ?? { did: [], loot: [] };
  const isRead = loot.some((text) => seen.secrets.some((secret) => text.includes(secret)));
  const isReached = attack.isKernelWide === true && did.length > 0 && seen.isHostKernel;
  if (isRead || isReached || seen.changes.has(attack.id)) return "open";
  return did.length > 0 || loot.length > 0 ? "contained" : "refused";
}

async function attackAll(lab: AttackLab): Promise<Seen> {
  const attack = (ids: readonly string[]) =>
    lab.inside(["/bin/perl", "/attack.pl", `run=${ids.join(",")}`, ...lab.arguments]);
  const beside = ["sniff", "selfexe"];
  const alone = await attack(["able", ...ATTACKS.map((one) => one.id).filter((id) => !beside.includes(id))]);
  const said = parseSaid(alone.stdout);
  expect(said.size).toBe(1 + ATTACKS.length - beside.length);
  expect(said.get("able")?.did).toEqual(["read and write", "system calls"]);
  // These two wait for what others do: packets to a neighbour, programs of the host that come by.
  let isOver = false;
  const waiting = attack(beside).finally(() => {
    isOver = true;
  });
  for (let tries = 0; !isOver; tries++) {
    lab.whisper();
    if (tries % 10 === 0) await lab.inside(["/trap"]);
    await Bun.sleep(50);
  }
  const more = new Map<string, Said>();
  const setuid = await lab.inside(["/bin/cat-as-root", "/root-only"], ["--user=web"]);
  more.set("setuid", { did: [], loot: setuid.stdout === "" ? [] : [setuid.stdout] });
  const kernel = await lab.inside(["busybox", "uname", "-rv"]);
  const planted = `rm -f /etc/passwd; ln -s ../../../../../../../..${join(lab.paths.outside, "passwd")} /etc/passwd`;
  await lab.inside(["/bin/perl", "-e", `system("busybox sh -c '${planted}'")`]);
  const user = await lab.inside(["id", "-u"], ["--user=hostonly"]);
  const isHostUser = user.stdout.includes("4242");
  const changes = new Set([...lab.changes(), ...(isHostUser ? ["passwd"] : [])]);
  more.set("symlink", {
    did: (await lab.inside(["ls", "/volume"])).exitCode === 0 ? ["mounted within the image"] : [],
    loot: [],
  });
  const host = Bun.spawnSync(["uname", "-rv"]).stdout.toString();
  return {
    said: new Map([...said, ...parseSaid((await waiting).stdout), ...more]),
    changes,
    secrets: lab.secrets,
    isHostKernel: kernel.stdout === host,
  };
}

for (const regime of REGIMES.filter((one) => only?.includes(one) !== false)) {
  describe(`attacks: ${regime}`, () => {
    let seen: Seen | undefined;
    beforeAll(async () => {
      await using lab = await openAttackLab(regime);
      seen = await attackAll(lab);
    }, TIMEOUT_MS);
    afterAll(() => {
      if (process.env["GANTRY_DEBUG_ATTACKS"] === "1") console.log(seen);
    });
    for (const attack of ALL) {
      test(attack.name, () => {
        if (seen === undefined) throw new Error("nothing was tried");
        const outcome = judge(attack, seen);
        const reason = attack.lacks?.();
        const isOpen = regime === "fly" && attack.control !== "bare process";
        measured.get(attack.name)?.set(regime, {
          text: isOpen ? "open" : outcome,
          ...(isOpen && attack.lacks !== undefined ? { note: HAS_IT } : {}),
        });
        if (!isOpen) expect(outcome).not.toBe("open");
        else expect({ outcome, reason }).toEqual({ outcome: reason === undefined ? "open" : "refused", reason });
      });
    }
  });
}

describe.if(only?.includes("control") !== false)("attacks: controls", () => {
  let succeeded: Succeeded = new Map();
  beforeAll(async () => {
    succeeded = await tryControls();
  }, TIMEOUT_MS);
  for (const attack of ALL) measured.get(attack.name)?.set(CONTROL, { text: `open: ${attack.control ?? "fly"}` });
  for (const control of ["bare process", "virtual machine"] as const) {
    for (const attack of controlledBy(control)) {
      test(`${control}: ${attack.name} succeeds`, () => {
        expect([...(succeeded.get(control) ?? [])]).toContain(attack.id);
      });
    }
  }
});

test("attacks: docs/regimes.md shows what was measured (GANTRY_WRITE_DOCS=1 writes it)", () => {
  expect(measured.size).toBe(36);
  const table = renderTable("tried from inside", measured, [CONTROL]);
  console.log(table);
  if (only === undefined) expect(documentedTable("attacks", table)).toBe(table);
});
