import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readLogKey } from "../src/audit/log/log-key.ts";
import { withLog } from "../src/audit/log/open-log.ts";
import { publishCheckpoint } from "../src/audit/log/publish.ts";
import { formatRecord, readRecord } from "../src/audit/log/record.ts";
import { parseCheckpoint, signCheckpoint } from "../src/audit/note/checkpoint.ts";
import { generateNoteSigner, parseVkey } from "../src/audit/note/note-keys.ts";
import { openFiles } from "../src/sys/linux/files.ts";
import { startSoftwareTpm } from "../src/testing/software-tpm.ts";
import { startWitnessServer } from "../src/testing/witness-server.ts";
import { type AuditWorld, createAuditWorld } from "./harness/audit-world.ts";

const TIMEOUT_MS = 180_000;

/** Somebody with root and the log's key makes tiles, state and checkpoint anew over the lines as they are. */
function rebuildWithStolenKey({ world, log }: AuditWorld): void {
  for (const name of ["checkpoint", "state", "tile", "witnessed"])
    rmSync(join(log, name), { recursive: true, force: true });
  const files = openFiles(log);
  const signer = readLogKey(openFiles(world.root));
  if (signer === undefined) throw new Error("no key to steal");
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const host = { files, bootId, stamp: () => ({ type: "never" }) };
  withLog(host, (appender) => publishCheckpoint(files, appender, signer), { sync: true });
}

/** The line with another content, and a digest that fits it. */
function forge(line: string, change: Readonly<Record<string, unknown>>, recnum?: number): string {
  const record = readRecord(line);
  if (record === undefined) throw new Error(`no record: ${line}`);
  const place = record.nv_index === undefined ? {} : { nvIndex: record.nv_index };
  return formatRecord({ ...record.content, ...change }, { recnum: recnum ?? record.recnum, ...place }).line;
}

const edit = (line: string) => line.replace('"exitCode":0', '"exitCode":1');

test(
  "threats: whatever is done to records, tiles and checkpoints is found and named",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    await audit.runPod();
    const early = audit.backup("early");
    await audit.runPod();
    const honest = await audit.check();
    const good = audit.backup("good");
    expect(honest).toMatchObject({ exitCode: 0, anchor: "anchored", kinds: [] });
    const lines = audit.lines();
    const at = lines.findIndex((line) => line.includes('"app.exited"'));
    const last = lines.length - 1;
    const attack = async (name: string, action: () => void, flags: readonly string[] = []) => {
      audit.restore(good);
      action();
      const { exitCode, kinds, records } = await audit.check(...flags);
      return [name, exitCode, kinds[0], records[0]];
    };

    expect(await attack("edit", () => audit.writeLines(lines.with(at, edit(lines[at] ?? ""))))).toEqual([
      "edit",
      1,
      "record-edited",
      at,
    ]);
    const forged = forge(lines[at] ?? "", { exitCode: 1 });
    expect(await attack("edit with its digest", () => audit.writeLines(lines.with(at, forged)))).toEqual([
      "edit with its digest",
      1,
      "tiles-differ",
      at,
    ]);
    expect(await attack("delete", () => audit.writeLines(lines.toSpliced(at, 1)))).toEqual([
      "delete",
      1,
      "record-missing",
      at,
    ]);
    const swapped = lines.with(at, lines[at + 1] ?? "").with(at + 1, lines[at] ?? "");
    expect(await attack("reorder", () => audit.writeLines(swapped))).toEqual(["reorder", 1, "record-reordered", at]);
    const extra = forge(lines[at] ?? "", { exitCode: 3 }, at + 1);
    const inserted = await attack("insert", () => audit.writeLines(lines.toSpliced(at + 1, 0, extra)));
    expect(inserted.slice(0, 2)).toEqual(["insert", 1]);
    expect((await audit.check()).kinds).toContain("record-inserted");
    expect(await attack("truncate", () => audit.writeLines(lines.slice(0, -2)))).toEqual([
      "truncate",
      1,
      "truncated",
      last - 1,
    ]);

    const half = lines.slice(0, at);
    const setBack = await attack("log and checkpoint set back together, with the stolen key", () => {
      audit.writeLines(half);
      rebuildWithStolenKey(audit);
    });
    expect(setBack.slice(1, 3)).toEqual([1, "rolled-back"]);
    expect((await attack("whole directory from a backup", () => audit.restore(early))).slice(1, 3)).toEqual([
      1,
      "rolled-back",
    ]);
    const rewritten = await attack("history rewritten with the stolen key", () => {
      const renumbered = lines.toSpliced(at, 1).map((line, n) => forge(line, {}, n));
      audit.writeLines(renumbered);
      rebuildWithStolenKey(audit);
    });
    expect(rewritten.slice(1, 3)).toEqual([1, "anchor-record-wrong"]);
    const wholly = await attack("an event changed, with the stolen key", () => {
      audit.writeLines(lines.with(at, forged));
      rebuildWithStolenKey(audit);
    });
    expect(wholly.slice(1, 3)).toEqual([1, "anchor-record-wrong"]);
    const signed = await attack("a checkpoint forged with the stolen key", () => {
      const signer = readLogKey(openFiles(audit.world.root));
      if (signer === undefined) throw new Error("no key to steal");
      const root = Uint8Array.from({ length: 32 }, () => 7);
      writeFileSync(join(audit.log, "checkpoint"), signCheckpoint(signer, { size: at, root }));
    });
    expect(signed.slice(1, 3)).toEqual([1, "history-rewritten"]);
    const unsigned = await attack("a checkpoint signed by somebody else", () => {
      const stranger = generateNoteSigner(() => parseVkey(audit.identity.vkey).name);
      const head = parseCheckpoint(readFileSync(join(audit.log, "checkpoint"), "utf8"));
      writeFileSync(join(audit.log, "checkpoint"), signCheckpoint(stranger, head));
    });
    expect(unsigned.slice(1, 3)).toEqual([1, "checkpoint-forged"]);
    const tiles = await attack("a tile removed", () => rmSync(join(audit.log, "tile/0"), { recursive: true }));
    expect(tiles.slice(1, 3)).toEqual([1, "tiles-missing"]);

    audit.restore(good);
    expect(await audit.check()).toMatchObject({ exitCode: 0, kinds: [] });
    audit.restore(good);
    audit.writeLines(lines.slice(0, -2));
    await audit.runPod(); // and the next commands do not hide it
    expect((await audit.check()).kinds).toContain("truncated");
  },
  TIMEOUT_MS,
);

test(
  "threats: an index made again, a cleared TPM, another TPM, another host's log are found and named",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    const { tpm, world, identity } = audit;
    await audit.runPod();
    const good = audit.backup("good");
    const lines = audit.lines();
    const extensions = lines
      .filter((line) => line.includes('"nv_index"'))
      .map((line) => readRecord(line)?.digests[0].digest ?? "");
    const policy = /authorization policy: ([0-9A-F]+)/.exec(tpm.tool("tpm2_nvreadpublic", "0x01d10500"))?.[1] ?? "";
    writeFileSync(join(world.dir, "policy"), Buffer.from(policy, "hex"));
    writeFileSync(join(world.dir, "digest"), Buffer.from(extensions[0] ?? "", "hex"));
    const defineAgain = (attributes: string, ...more: string[]) => {
      tpm.tool("tpm2_nvundefine", "0x01d10500", "-C", "o");
      tpm.tool("tpm2_nvdefine", "0x01d10500", "-C", "o", "-g", "sha256", "-a", attributes, ...more);
    };

    // Twin with the same policy: every way to write it for the first time is closed.
    defineAgain("nt=extend|policywrite|ownerread|authread|no_da", "-L", join(world.dir, "policy"));
    expect(() =>
      tpm.tool("tpm2_nvextend", "-C", "0x01d10500", "-i", join(world.dir, "digest"), "0x01d10500"),
    ).toThrow();
    expect((await audit.check()).kinds).toEqual(["index-recreated"]);
    // Twin that can be written: the replay works, and the name betrays it.
    defineAgain("nt=extend|authwrite|ownerread|authread|no_da");
    for (const digest of extensions) {
      writeFileSync(join(world.dir, "digest"), Buffer.from(digest, "hex"));
      tpm.tool("tpm2_nvextend", "-C", "0x01d10500", "-i", join(world.dir, "digest"), "0x01d10500");
    }
    expect((await audit.check()).kinds).toEqual(["index-recreated"]);
    tpm.tool("tpm2_nvundefine", "0x01d10500", "-C", "o");
    expect((await audit.check()).kinds).toEqual(["index-missing"]);
    // With policy "required" nothing starts on such a TPM.
    writeFileSync(join(world.config, "audit.json"), JSON.stringify({ tpm: tpm.socket, anchor: "required" }));
    const refused = await world.gantry([
      "--insecure-options=image",
      "run",
      audit.image,
      "--net=none",
      "--exec=/bin/true",
    ]);
    expect(refused).toMatchObject({ exitCode: 254 });
    expect(refused.stderr).toContain("policy demands an anchor");

    tpm.tool("tpm2_clear", "-c", "p");
    expect((await audit.check()).kinds).toEqual(["tpm-cleared"]);

    const other = world.use(await startSoftwareTpm());
    writeFileSync(join(world.config, "audit.json"), JSON.stringify({ tpm: other.socket }));
    expect((await audit.check()).kinds).toEqual(["tpm-replaced"]);

    // Another host, with a log and a TPM of its own, shows ours.
    rmSync(audit.log, { recursive: true });
    rmSync(join(world.root, "keys"), { recursive: true });
    const second = JSON.parse((await world.succeed(["audit", "init", "--json"])).stdout) as AuditWorld["identity"];
    expect(second.anchor.akName).not.toBe(identity.anchor.akName);
    expect(await audit.check()).toMatchObject({ exitCode: 0, anchor: "anchored" });
    // Whoever wrote down the key sees at once that this is not the log; and our log does not fit the other TPM.
    expect((await audit.check(`--vkey=${identity.vkey}`)).kinds[0]).toBe("other-log");
    audit.restore(good);
    expect((await audit.check()).kinds).toEqual(["tpm-replaced"]);

    await other.stop();
    expect((await audit.check()).kinds).toEqual(["tpm-unavailable"]);
    expect(await audit.check("--offline")).toMatchObject({ exitCode: 0, anchor: "not checked" });
  },
  TIMEOUT_MS,
);

test(
  "threats: what is set back together with its TPM looks whole on the host, and a witness finds it out",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    const { tpm, world } = audit;
    const witness = world.use(await startWitnessServer("witness.example"));
    const ask = (...flags: string[]) =>
      world.gantry([
        "--insecure-options=http",
        "audit",
        "witness",
        witness.url,
        `--key=${witness.vkey}`,
        "--json",
        ...flags,
      ]);
    expect((await ask()).exitCode).toBe(6); // it does not know this log yet
    witness.know(parseVkey(audit.identity.vkey));
    expect((await ask()).exitCode).toBe(0);
    await audit.runPod();
    // A snapshot of a virtual machine: disk and virtual TPM.
    await tpm.stop();
    const disk = audit.backup("snapshot");
    const chip = readFileSync(join(tpm.stateDir, "tpm2-00.permall"));
    await tpm.start();
    await audit.runPod();
    const seen = JSON.parse((await ask()).stdout) as { size: number };
    await tpm.stop();
    audit.restore(disk);
    writeFileSync(join(tpm.stateDir, "tpm2-00.permall"), chip);
    await tpm.start();
    expect(await audit.check()).toMatchObject({ exitCode: 0, anchor: "anchored" }); // nothing on this host can tell
    const answer = await ask();
    expect(answer.exitCode).toBe(1);
    expect(JSON.parse(answer.stderr).error).toMatchObject({ code: "audit/tampered" });
    expect(answer.stderr).toContain(`the witness has seen ${seen.size} records`);
  },
  TIMEOUT_MS,
);

test(
  "threats: a command killed between append and extend is repaired by the next one and never called tampering",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    const { tpm, world } = audit;
    await audit.runPod();
    const before = audit.lines().length;
    process.kill(tpm.pid, "SIGSTOP"); // a TPM that is slow for so long that power goes first
    const child = Bun.spawn([...gantryLine(audit), "run", audit.image, "--net=none", "--exec=/bin/true"], {
      stdout: "ignore",
      stderr: "ignore",
    });
    for (
      let tries = 0;
      tries < 200 &&
      !audit
        .lines()
        .slice(before)
        .some((line) => line.includes('"nv_index"'));
      tries++
    ) {
      await Bun.sleep(20);
    }
    child.kill("SIGKILL");
    await child.exited;
    process.kill(tpm.pid, "SIGCONT");
    const pending = await audit.check();
    expect(pending).toMatchObject({ exitCode: 0, anchor: "anchored", kinds: [] });
    expect(pending.anchoredSize).toBeLessThan(pending.size);
    expect(pending.text).toContain("not in the TPM yet");
    await audit.runPod();
    expect(await audit.check()).toMatchObject({ exitCode: 0, anchor: "anchored", kinds: [] });
    await tpm.reboot();
    await audit.runPod();
    expect(await audit.check()).toMatchObject({ exitCode: 0, anchor: "anchored", kinds: [] });
    expect((await world.succeed(["audit", "log", "--kind=log.damaged", "--json"])).stdout.trim()).toBe("[]");
  },
  TIMEOUT_MS,
);

function gantryLine({ world }: AuditWorld): string[] {
  const binary = new URL("../dist/gantry", import.meta.url).pathname;
  return [binary, `--root=${world.root}`, `--config=${world.config}`, "--insecure-options=image"];
}

test(
  "threats: log read-only, disk full, TPM gone: policy decides, and nothing happens unsaid",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    const { tpm, world } = audit;
    const configure = (settings: object) =>
      writeFileSync(
        join(world.config, "audit.json"),
        JSON.stringify({ tpm: tpm.socket, tpmTimeoutMs: 5000, ...settings }),
      );
    const run = () => world.gantry(["--insecure-options=image", "run", audit.image, "--net=none", "--exec=/bin/true"]);
    await audit.runPod();
    const mount = (...args: string[]) => expect(Bun.spawnSync(["mount", ...args]).exitCode).toBe(0);
    const unmount = () => expect(Bun.spawnSync(["umount", audit.log]).exitCode).toBe(0);

    mount("--bind", audit.log, audit.log);
    mount("-o", "remount,bind,ro", audit.log);
    const readOnly = await run();
    expect(readOnly.exitCode).toBe(254);
    expect(readOnly.stderr).toContain("Cannot record event");
    expect((await audit.check()).exitCode).toBe(0); // checking needs no writing
    configure({ write: "preferred" });
    const tolerated = await run();
    expect(tolerated.exitCode).toBe(0);
    expect(tolerated.stderr).toContain("an event cannot be recorded now");
    unmount();
    configure({});
    await audit.runPod();
    const late = JSON.parse((await world.succeed(["audit", "log", "--kind=pod.started", "--json"])).stdout) as {
      data: { late?: true };
    }[];
    expect(late.filter(({ data }) => data.late === true).length).toBe(1);
    expect(await audit.check()).toMatchObject({ exitCode: 0, anchor: "anchored" });

    const full = join(world.dir, "full");
    mkdirSync(full);
    mount("-t", "tmpfs", "-o", "size=4m", "none", full);
    expect(Bun.spawnSync(["cp", "-a", `${audit.log}/.`, full]).exitCode).toBe(0);
    Bun.spawnSync(["sh", "-c", `cat /dev/zero > ${full}/filler`]);
    mount("--bind", full, audit.log);
    const noSpace = await run();
    expect(noSpace.exitCode).toBe(254);
    expect(noSpace.stderr).toContain("no space is left");
    expect((await audit.check()).kinds).toEqual([]);
    rmSync(join(full, "filler"));
    expect(Bun.spawnSync(["mount", "-o", "remount,size=16m", full]).exitCode).toBe(0);
    await audit.runPod();
    expect(await audit.check()).toMatchObject({ exitCode: 0, anchor: "anchored", kinds: [] });
    unmount();
    expect(Bun.spawnSync(["umount", full]).exitCode).toBe(0);
    expect((await audit.check()).kinds).toEqual(["rolled-back"]); // the log of before that disk

    await tpm.stop();
    configure({ anchor: "required" });
    const gone = await run();
    expect(gone.exitCode).toBe(254);
    expect(gone.stderr).toContain("policy demands an anchor");
    configure({ anchor: "preferred" });
    const unanchored = await run();
    expect(unanchored.exitCode).toBe(0);
    expect(unanchored.stderr.match(/UNANCHORED/g)?.length).toBe(1);
    expect((await world.gantry(["doctor"])).stdout).toContain("UNANCHORED");
    await tpm.start();
  },
  TIMEOUT_MS,
);
