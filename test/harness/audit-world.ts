import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type SoftwareTpm, startSoftwareTpm } from "../../src/testing/software-tpm.ts";
import { writeArchive } from "./images.ts";
import { createWorld, type World } from "./world.ts";

/** What `audit check --json` says, as far as stories look at it. */
export interface CheckResult {
  readonly exitCode: number;
  readonly anchor: string;
  readonly size: number;
  readonly anchoredSize: number;
  readonly kinds: readonly string[];
  readonly records: readonly (number | undefined)[];
  readonly text: string;
}

/** A world whose log is anchored in a software TPM of its own. */
export interface AuditWorld {
  readonly world: World;
  readonly tpm: SoftwareTpm;
  readonly image: string;
  /** Directory of the log. */
  readonly log: string;
  /** What `audit init --json` printed. */
  readonly identity: { readonly vkey: string; readonly anchor: { readonly nvName: string; readonly akName: string } };
  /** Runs a pod to its end; its events are anchored. */
  runPod(): Promise<void>;
  check(...flags: readonly string[]): Promise<CheckResult>;
  lines(): string[];
  writeLines(lines: readonly string[]): void;
  /** Copies log and keys away, and gives the copy's path. */
  backup(name: string): string;
  /** Puts such a copy back in the place of what is there. */
  restore(path: string): void;
}

/** Makes the world, its TPM and the anchor in it; `prepare` gets the TPM before anything is made in it. */
export async function createAuditWorld(prepare?: (tpm: SoftwareTpm) => void): Promise<AuditWorld> {
  const world = await createWorld();
  const tpm = world.use(await startSoftwareTpm());
  prepare?.(tpm);
  const image = `oci-archive:${writeArchive(world, "app")}:1`;
  writeFileSync(join(world.config, "audit.json"), JSON.stringify({ tpm: tpm.socket, tpmTimeoutMs: 5000 }));
  const identity = JSON.parse((await world.succeed(["audit", "init", "--json"])).stdout) as AuditWorld["identity"];
  const log = join(world.root, "audit");
  const events = join(log, "events/000000.jsonl");
  return {
    ...{ world, tpm, image, log, identity },
    async runPod() {
      const command = ["--insecure-options=image", "run", image, "--net=none", "--exec=/bin/true"];
      await world.succeed(command);
      await world.succeed(["gc", "--grace-period=0s"]);
    },
    async check(...flags) {
      const result = await world.gantry(["audit", "check", "--json", ...flags]);
      const verdict = JSON.parse(result.stdout) as {
        anchor: string;
        size: number;
        anchoredSize: number;
        problems: { kind: string; record?: number }[];
      };
      const { anchor, size, anchoredSize, problems } = verdict;
      const kinds = problems.map(({ kind }) => kind);
      const records = problems.map(({ record }) => record);
      return { exitCode: result.exitCode, anchor, size, anchoredSize, kinds, records, text: result.stdout };
    },
    lines: () => readFileSync(events, "utf8").split("\n").slice(0, -1),
    writeLines: (lines) => writeFileSync(events, lines.map((line) => `${line}\n`).join("")),
    backup(name) {
      const path = join(world.dir, name);
      mkdirSync(path);
      cpSync(log, join(path, "audit"), { recursive: true });
      cpSync(join(world.root, "keys"), join(path, "keys"), { recursive: true });
      return path;
    },
    restore(path) {
      for (const name of ["audit", "keys"]) {
        const [place, fresh] = [join(world.root, name), join(world.root, `${name}.restored`)];
        cpSync(join(path, name), fresh, { recursive: true });
        renameOver(fresh, place);
      }
    },
  };
}

/** Puts a directory in the place of what a program that is still running may make there at any moment. */
function renameOver(from: string, to: string): void {
  for (let tries = 0; tries < 100; tries++) {
    rmSync(to, { recursive: true, force: true });
    try {
      renameSync(from, to);
      return;
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw reason;
    }
  }
  throw new Error(`${to} is made anew every time`);
}
