import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkLog } from "../src/audit/check/check-log.ts";
import type { LogAppender } from "../src/audit/log/log-appender.ts";
import { withLog } from "../src/audit/log/open-log.ts";
import { openTreeHashes } from "../src/audit/log/tree-hashes.ts";
import { leafHash } from "../src/audit/merkle/hash.ts";
import { proveInclusion, rootOfInclusion } from "../src/audit/merkle/proofs.ts";
import { parseVkey } from "../src/audit/note/note-keys.ts";
import { openFiles } from "../src/sys/linux/files.ts";
import { startWitnessServer } from "../src/testing/witness-server.ts";
import { runStrangersProcedure } from "./harness/audit-procedure.ts";
import { type AuditWorld, createAuditWorld } from "./harness/audit-world.ts";
import { gantryArgv, gantryEnv } from "./harness/gantry.ts";

const TIMEOUT_MS = 240_000;
const C2SP_CLIENT = new URL("strangers/c2sp-client", import.meta.url).pathname;

async function quoteInto({ world, identity }: AuditWorld, name: string, nonce: string): Promise<string> {
  const dir = join(world.dir, name);
  mkdirSync(dir);
  writeFileSync(join(dir, "identity.json"), JSON.stringify(identity));
  await world.succeed(["audit", "quote", `--nonce=${nonce}`, `--out=${dir}/quote`]);
  return dir;
}

test(
  "quote: a stranger checks it by the documented procedure alone; an old, a changed and a foreign one are refused",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    await audit.runPod();
    await audit.runPod();
    const [nonce, later] = ["00112233445566778899", "99887766554433221100"];
    const dir = await quoteInto(audit, "first", nonce);
    expect(runStrangersProcedure(dir, nonce)).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining("PROVEN: the TPM holds"),
    });
    expect(runStrangersProcedure(dir, later)).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("signature or nonce"),
    });

    await audit.runPod();
    const newer = await quoteInto(audit, "second", later);
    expect(runStrangersProcedure(newer, later).exitCode).toBe(0);
    const change = (name: string, edit: (text: string) => string) => {
      const path = join(newer, "quote", name);
      const before = readFileSync(path);
      writeFileSync(path, edit(before.toString("latin1")), "latin1");
      const { exitCode, output } = runStrangersProcedure(newer, later);
      writeFileSync(path, before);
      return [exitCode, /NOT PROVEN: (.*)/.exec(output)?.[1]];
    };
    const shorter = change("anchors", (text) => text.split("\n").slice(0, -2).join("\n").concat("\n"));
    expect(shorter).toEqual([1, "the list of extensions is not what the TPM has seen"]);
    const older = readFileSync(join(dir, "quote/checkpoint"), "latin1");
    expect(change("checkpoint", () => older)[0]).toBe(1);
    expect(change("head.tlog-proof", () => readFileSync(join(dir, "quote/head.tlog-proof"), "latin1"))[0]).toBe(1);
    expect(change("checkpoint", (text) => text.replace(/\n[0-9]+\n/, "\n5\n"))).toEqual([1, "checkpoint: signature"]);
    const stranger = await createStrangerIdentity(audit);
    writeFileSync(join(newer, "identity.json"), stranger);
    expect(runStrangersProcedure(newer, later)).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("another attestation key"),
    });
  },
  TIMEOUT_MS,
);

async function createStrangerIdentity(audit: AuditWorld): Promise<string> {
  const { anchor, vkey } = audit.identity;
  return JSON.stringify({ vkey, anchor: { ...anchor, akName: anchor.nvName } });
}

test(
  "serve: a C2SP client that is not ours reads the log and authenticates every record; nothing else is served",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    await audit.runPod();
    await writeEvents(audit, { writers: 2, each: 150 }); // more than a bundle
    const options = { root: audit.world.root, config: audit.world.config };
    const server = Bun.spawn(gantryArgv(["audit", "serve", "--listen=127.0.0.1:0"], options), {
      env: gantryEnv(options),
      stdout: "pipe",
    });
    try {
      const first = await server.stdout.getReader().read();
      const url = /http:\/\/[0-9.:]+/.exec(new TextDecoder().decode(first.value))?.[0] ?? "";
      const taken = await audit.world.gantry(["audit", "serve", `--listen=${url.slice("http://".length)}`]);
      expect([taken.exitCode, taken.stderr.includes("hint: choose another port")]).toEqual([5, true]);
      const checkpoint = await (await fetch(`${url}/checkpoint`)).text();
      expect(checkpoint).toBe(readFileSync(join(audit.log, "checkpoint"), "utf8"));
      for (const path of [
        "/state",
        "/anchor-state",
        "/../keys/audit-log.pem",
        "/events/000000.jsonl",
        "/tile/0/..%2f..%2fstate",
      ]) {
        expect(`${path} ${(await fetch(`${url}${path}`)).status}`).toBe(`${path} 404`);
      }
      expect((await fetch(`${url}/checkpoint`, { method: "POST" })).status).toBe(405);
      const client = buildC2spClient(audit.world.dir);
      if (client === undefined) return; // no Go here: the documented procedure has checked note and proofs
      const read = Bun.spawn([client, url, audit.identity.vkey], { stdout: "pipe", stderr: "inherit" });
      expect((await new Response(read.stdout).text()).split("\n").slice(0, -1)).toEqual(audit.lines());
      expect(await read.exited).toBe(0);
    } finally {
      server.kill("SIGTERM");
      expect(await server.exited).toBe(0);
    }
  },
  TIMEOUT_MS,
);

/** Several processes that report events as fast as they can. */
async function writeEvents(audit: AuditWorld, { writers, each }: { writers: number; each: number }): Promise<void> {
  const script = join(audit.world.dir, "writer.ts");
  const source = (path: string) => JSON.stringify(new URL(`../src/${path}`, import.meta.url).pathname);
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  writeFileSync(
    script,
    `const { openFiles } = await import(${source("sys/linux/files.ts")});
     const { openEventSink } = await import(${source("audit/event-log.ts")});
     const sink = openEventSink(openFiles(${JSON.stringify(audit.world.root)}), {
       clock: { nowMs: () => 0 }, monotonicNs: () => 1, bootId: ${JSON.stringify(bootId)}, hostname: "h",
       caller: { uid: 0, pid: process.pid, command: "writer" },
       settings: () => ({ anchor: "off", write: "required", tpmTimeoutMs: 1 }) });
     for (let at = 0; at < ${each}; at++) sink.report({ type: "pod.removed", pod: process.argv[2] + "-" + at });
     sink.settle();`,
  );
  const running = Array.from({ length: writers }, (_writer, at) =>
    Bun.spawn([process.execPath, script, String(at)], { stderr: "inherit" }),
  );
  for (const one of running) expect(await one.exited).toBe(0);
}

/** Undefined where there is no Go, or where its modules cannot be had. */
function buildC2spClient(dir: string): string | undefined {
  const path = join(dir, "c2sp-client");
  if (Bun.which("go") === null) return undefined;
  const env = { ...process.env, CGO_ENABLED: "0" };
  const built = Bun.spawnSync(["go", "build", "-o", path, "."], { cwd: C2SP_CLIENT, env, stderr: "pipe" });
  return built.exitCode === 0 ? path : undefined;
}

test(
  "prove: one record is proven without the others, with a witness's cosignature; a changed record or proof is refused",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    const { world, identity } = audit;
    await audit.runPod();
    const witness = world.use(await startWitnessServer("witness.example"));
    witness.know(parseVkey(identity.vkey));
    const ask = ["--insecure-options=http", "audit", "witness", witness.url, `--key=${witness.vkey}`];
    await world.succeed(ask);
    await audit.runPod();
    await world.succeed(ask); // with a consistency proof from what it saw before
    const started = JSON.parse((await world.succeed(["audit", "log", "--kind=pod.started", "--json"])).stdout) as {
      record: number;
    }[];
    const file = join(world.dir, "start.tlog-proof");
    await world.succeed(["audit", "prove", String(started[0]?.record), `--out=${file}`]);
    const verify = (...flags: string[]) =>
      world.gantry(["audit", "verify-proof", file, `--vkey=${identity.vkey}`, "--json", ...flags]);
    const proven = await verify(`--witness-key=${witness.vkey}`);
    expect(JSON.parse(proven.stdout)).toMatchObject({ index: started[0]?.record, witnesses: ["witness.example"] });
    expect(JSON.parse(proven.stdout).record).toBe(audit.lines()[started[0]?.record ?? -1]);

    const other = join(world.dir, "other.json");
    writeFileSync(other, `${audit.lines()[2]}\n`);
    expect((await verify(`--record=${other}`)).exitCode).toBe(4);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(/^index .*$/m, "index 0"));
    expect((await verify()).exitCode).toBe(4);
    writeFileSync(file, text.replace("tlog-proof@v1", "tlog-proof@v2"));
    expect((await verify()).exitCode).toBe(2);
    const wrongKey = await world.gantry(["audit", "verify-proof", file, `--vkey=${witness.vkey}`]);
    expect(wrongKey.exitCode).toBe(2);
    expect((await world.gantry(["audit", "prove", "100000"])).exitCode).toBe(3);
  },
  TIMEOUT_MS,
);

test(
  "log: secrets, environment values and output are nowhere in it, and exports say the same as the log",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    const { world, image } = audit;
    const script = 'echo "output $TOKEN"; exit 3';
    const run = [
      "--insecure-options=image",
      "run",
      image,
      "--net=none",
      "--env=TOKEN=hunter2",
      "--exec=/bin/sh",
      "--",
      "-c",
      script,
    ];
    const ran = await world.gantry(run);
    expect(ran).toMatchObject({ exitCode: 3, stdout: "output hunter2\n" });
    await world.succeed(["gc", "--grace-period=0s"]);
    const text = audit.lines().join("\n");
    expect(text).not.toContain("hunter2");
    expect(text).toContain('"type":"app.exited"');
    const jsonl = (await world.succeed(["audit", "export"])).stdout;
    expect(jsonl.split("\n").slice(0, -1)).toEqual(audit.lines().slice(0, jsonl.split("\n").length - 1));
    const cel = JSON.parse((await world.succeed(["audit", "export", "--format=cel"])).stdout) as { recnum: number }[];
    expect(cel.map(({ recnum }) => recnum)).toEqual(cel.map((_record, at) => at));
    const journal = (await world.succeed(["audit", "export", "--format=journald"])).stdout;
    expect(journal.match(/^GANTRY_EVENT=/gm)?.length).toBe(audit.lines().length);
    expect((await world.gantry(["audit", "export", "--format=xml"])).exitCode).toBe(2);
  },
  TIMEOUT_MS,
);

test(
  "log: 10,000 events by 16 writers at once have one order, and every one of them can be proven",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    await writeEvents(audit, { writers: 16, each: 625 });

    const next = new Map<string, number>();
    for (const line of audit.lines()) {
      const [, writer, at] = /"pod":"([0-9]+)-([0-9]+)"/.exec(line) ?? [];
      if (writer === undefined) continue;
      expect(Number(at)).toBe(next.get(writer) ?? 0); // each writer's own order is kept
      next.set(writer, Number(at) + 1);
    }
    expect([...next.values()]).toEqual(Array.from({ length: 16 }, () => 625));

    const files = openFiles(audit.log);
    const { head, problems } = checkLog(files);
    expect(problems).toEqual([]);
    await audit.world.succeed(["audit", "prove", "0"]); // publishes
    const hashOf = openTreeHashes(files, head.size);
    const bad = audit.lines().findIndex((line, index) => {
      if (index >= head.size) return false;
      const proof = proveInclusion(hashOf, index, head.size);
      const root = rootOfInclusion(leafHash(line), { index, size: head.size, proof });
      return root === undefined || Buffer.compare(root, head.root) !== 0;
    });
    expect(bad).toBe(-1);
  },
  TIMEOUT_MS,
);

test(
  "archive: the oldest records go to a directory that checks as a log of its own; the rest goes on and can be proven",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    const { world } = audit;
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const host = { files: openFiles(audit.log), bootId, stamp: () => ({ type: "never" }) };
    const batch = 10_000;
    for (let done = 0; done < 70_000; done += batch) {
      const append = (log: LogAppender) => {
        for (let at = done; at < done + batch; at++) log.append({ type: "pod.removed", pod: String(at), time: "x" });
      };
      withLog(host, append, { sync: false });
    }
    const target = join(world.dir, "archive");
    const archive = async () =>
      JSON.parse((await world.succeed(["audit", "archive", target, "--keep=100", "--json"])).stdout);
    expect(await archive()).toEqual({ first: 0, moved: 0 }); // all of it is newer than the index in the TPM
    await world.succeed(["audit", "init", "--force"]);
    expect(await archive()).toEqual({ first: 65_536, moved: 65_536 });
    expect(await archive()).toEqual({ first: 65_536, moved: 0 });
    expect(await audit.check()).toMatchObject({ exitCode: 0, anchor: "anchored", kinds: [] });
    await audit.runPod();
    rmSync(join(audit.log, "state")); // what is left suffices to make it again
    await audit.runPod();
    expect(await audit.check()).toMatchObject({ exitCode: 0, anchor: "anchored", kinds: [] });
    expect((await world.gantry(["audit", "prove", "5"])).exitCode).toBe(3);
    const proof = join(world.dir, "proof");
    await world.succeed(["audit", "prove", "69999", `--out=${proof}`]);
    await world.succeed(["audit", "verify-proof", proof, `--vkey=${audit.identity.vkey}`]);
    const quoted = await quoteInto(audit, "quoted", "aabbccddeeff0011");
    const now = JSON.parse((await world.succeed(["audit", "init", "--json"])).stdout);
    writeFileSync(join(quoted, "identity.json"), JSON.stringify(now));
    expect(runStrangersProcedure(quoted, "aabbccddeeff0011")).toMatchObject({ exitCode: 0 });

    const old = await world.gantry(["audit", "check", `--log=${target}`, `--vkey=${audit.identity.vkey}`, "--json"]);
    expect(JSON.parse(old.stdout)).toMatchObject({ ok: true, size: 65_536 });
    const lines = join(target, "events/000000.jsonl");
    writeFileSync(lines, readFileSync(lines, "utf8").replace('"pod":"60000"', '"pod":"60001"'));
    const changed = await world.gantry(["audit", "check", `--log=${target}`, "--json"]);
    expect(JSON.parse(changed.stdout).problems[0]).toMatchObject({ kind: "record-edited" });
  },
  TIMEOUT_MS,
);
