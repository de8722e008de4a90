import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readLogKey } from "../src/audit/log/log-key.ts";
import { parseCheckpoint, signCheckpoint } from "../src/audit/note/checkpoint.ts";
import { openFiles } from "../src/sys/linux/files.ts";
import { startSoftwareTpm } from "../src/testing/software-tpm.ts";
import {
  type Meddler,
  type Received,
  type Serving,
  startMeddler,
  startReceiver,
  startServing,
} from "./harness/attest-fleet.ts";
import { type AuditWorld, createAuditWorld } from "./harness/audit-world.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 240_000;
const MAX_TRIES = 600;
const SECRET = "a-secret-of-this-test";
const AGENT = ["attest", "agent", "--listen=127.0.0.1:0", "--rate=100000"];

interface NodeRow {
  readonly name: string;
  readonly state: string;
  readonly size: number;
  readonly polledAt: string;
  readonly vkey: string;
  readonly problems: readonly { readonly kind: string; readonly detail: string; readonly record?: number }[];
}

interface FleetMember {
  readonly audit: AuditWorld;
  readonly way: Meddler;
  agent: Serving;
}

async function addMember(name: string, enroll: (name: string, url: string) => Promise<void>): Promise<FleetMember> {
  const audit = await createAuditWorld();
  await audit.runPod();
  const agent = await startServing(AGENT, audit.world);
  const way = audit.world.use(startMeddler(agent.url));
  audit.world.use({ [Symbol.asyncDispose]: async () => void (await member.agent.stop("SIGKILL")) });
  const member: FleetMember = { audit, way, agent };
  await enroll(name, way.url);
  return member;
}

/** Asks again until it holds. */
async function until<T>(what: string, ask: () => Promise<T> | T, holds: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const value = await ask();
    if (holds(value)) return value;
    if (tries > MAX_TRIES) {
      const report = `${what} did not come true: ${JSON.stringify(value)}`;
      console.error(report); // when clean-up fails too, the runner shows neither error's text
      throw new Error(report);
    }
    await Bun.sleep(100);
  }
}

test(
  "attest: a fleet of three is watched; every attack is named, every change is told once, and nothing is lost by a restart",
  async () => {
    const verifier = await createWorld();
    await using _ = verifier;
    const enroll = async (name: string, url: string) => void (await verifier.succeed(["attest", "enroll", name, url]));
    const a = await addMember("a", enroll);
    await using _a = a.audit.world;
    const b = await addMember("b", enroll);
    await using _b = b.audit.world;
    const c = await addMember("c", enroll);
    await using _c = c.audit.world;
    const receiver = verifier.use(startReceiver(1));
    const file = (name: string, content: string) => {
      const path = join(verifier.dir, name);
      writeFileSync(path, content);
      return path;
    };
    const started = a.audit.lines().find((line) => line.includes('"pod.started"')) ?? "";
    const digest =
      (JSON.parse(started) as { content: { apps: { image: { digest: string } }[] } }).content.apps[0]?.image.digest ??
      "";
    const policy = file(
      "policy.json",
      JSON.stringify({ images: [{ digest }], regimes: ["systemd"], nodes: { c: {} } }),
    );
    const bad = file("bad.json", '{"image": []}');
    expect((await verifier.gantry(["attest", "serve", `--policy=${bad}`])).exitCode).toBe(2);
    const secret = `--webhook-secret-file=${file("secret", `${SECRET}\n`)}`;
    const token = `--token-file=${file("token", "poll-at-once-token\n")}`;
    const flags = [
      "--interval=1s",
      "--timeout=15s",
      "--patience=1",
      `--policy=${policy}`,
      `--webhook=${receiver.url}`,
      secret,
      token,
    ];
    const start = () => startServing(["attest", "serve", "--listen=127.0.0.1:0", ...flags], verifier);
    let server = await start();
    await using _server = { [Symbol.asyncDispose]: async () => void (await server.stop("SIGKILL")) };
    const nodes = async () => (await (await fetch(`${server.url}/api/nodes`)).json()) as NodeRow[];
    const row = async (name: string) => (await nodes()).find((one) => one.name === name);
    const becomes = (name: string, kind: string) =>
      until(
        `${name} becomes ${kind}`,
        () => row(name),
        (one) =>
          kind === "ok" ? one?.state === "ok" : one?.problems.some((problem) => problem.kind === kind) === true,
      );

    // Everything anchored and kept: a copy taken now makes nobody extend a TPM with what only the copy has.
    const settled = async (name: string, { audit }: FleetMember) => {
      const isSettled = (one: NodeRow | undefined) => one?.size === audit.lines().length;
      return until(`${name} is at rest`, () => row(name), isSettled);
    };

    for (const name of ["a", "b", "c"]) await becomes(name, "ok");

    // Policy: another image, in another regime. Both are found; acknowledging them makes the node good again.
    const other = writeArchive(a.audit.world, "other", busyboxImage().withConfig({ cmd: ["/bin/false"] }));
    await a.audit.world.succeed([
      "--insecure-options=image",
      "run",
      `oci-archive:${other}:1`,
      "--net=none",
      "--stage1=fly",
      "--exec=/bin/true",
    ]);
    const violated = await until(
      "policy",
      () => row("a"),
      (one) => (one?.problems.length ?? 0) >= 2,
    );
    expect(violated?.problems.map(({ kind }) => kind)).toEqual(["policy-violation", "policy-violation"]);
    expect(violated?.problems.map(({ detail }) => detail).join()).toContain("regime fly");
    expect((await verifier.gantry(["attest", "list"])).exitCode).toBe(1);
    expect((await verifier.gantry(["attest", "acknowledge", "a"])).exitCode).toBe(2);
    await verifier.succeed(["attest", "acknowledge", "a", "--reason=tried out"]);
    await becomes("a", "ok");

    // A record is changed on the way.
    a.way.meddle = async (path, answer) => {
      if (!path.startsWith("/tile/entries/")) return answer;
      const bundle = Buffer.from(await answer.arrayBuffer()).toString("latin1");
      return new Response(Buffer.from(bundle.replaceAll('"exitCode":0', '"exitCode":1'), "latin1"));
    };
    await a.audit.runPod();
    await becomes("a", "record-edited");
    a.way.meddle = undefined;
    await becomes("a", "ok");

    // Another tree, signed with the stolen log key.
    const key = readLogKey(openFiles(a.audit.world.root));
    if (key === undefined) throw new Error("no key to steal");
    a.way.meddle = async (path, answer) => {
      if (path !== "/quote") return answer;
      const quote = (await answer.json()) as { checkpoint: string };
      const { size } = parseCheckpoint(quote.checkpoint);
      return Response.json({ ...quote, checkpoint: signCheckpoint(key, { size, root: new Uint8Array(32) }) });
    };
    await becomes("a", "forked");
    a.way.meddle = async (path, answer) =>
      path === "/quote" ? Response.json({ ...((await answer.json()) as object), checkpoint: "x" }) : answer;
    await becomes("a", "bad-answer");
    a.way.meddle = undefined;
    await becomes("a", "ok");

    // The whole directory from a backup, and back.
    await settled("b", b);
    const early = b.audit.backup("early");
    await b.audit.runPod();
    const kept = await settled("b", b);
    const good = b.audit.backup("good");
    b.audit.restore(early);
    expect((await becomes("b", "rolled-back"))?.size).toBe(kept?.size);
    b.audit.restore(good);
    await becomes("b", "ok");

    // A virtual machine set back together with its TPM: nobody on it can tell, who remembers can.
    const { tpm } = b.audit;
    const snapshot = async (name: string) => {
      await tpm.stop();
      cpSync(tpm.stateDir, join(b.audit.world.dir, `${name}-tpm`), { recursive: true });
      const path = b.audit.backup(name);
      await tpm.start();
      return path;
    };
    const setBack = async (path: string) => {
      await tpm.stop();
      rmSync(tpm.stateDir, { recursive: true });
      cpSync(`${path}-tpm`, tpm.stateDir, { recursive: true });
      b.audit.restore(path);
      await tpm.start();
    };
    await settled("b", b);
    const young = await snapshot("young");
    await b.audit.runPod();
    await settled("b", b);
    const aged = await snapshot("aged");
    await setBack(young);
    expect((await b.audit.check()).exitCode).toBe(0);
    await until(
      "b was set back",
      () => row("b"),
      (one) => one?.problems.some(({ kind }) => kind === "tpm-rolled-back" || kind === "rolled-back") === true,
    );
    await setBack(aged);
    await becomes("b", "ok");

    // An old answer, and then none at all; the others are asked meanwhile.
    let old: string | undefined;
    c.way.meddle = async (path, answer) => {
      if (path !== "/quote") return answer;
      old ??= await answer.text();
      return new Response(old);
    };
    await becomes("c", "quote-replayed");
    c.way.meddle = () => undefined;
    const before = await row("a");
    await until(
      "a is asked while c hangs",
      () => row("a"),
      (one) => one?.polledAt !== before?.polledAt,
    );
    await becomes("c", "unreachable");
    c.way.meddle = undefined;
    await becomes("c", "ok");

    // Another TPM; then the log of b on it.
    await settled("c", c);
    await c.agent.stop();
    const config = join(c.audit.world.config, "audit.json");
    const stranger = c.audit.world.use(await startSoftwareTpm());
    const own = JSON.stringify({ tpm: c.audit.tpm.socket, tpmTimeoutMs: 5000 });
    writeFileSync(config, JSON.stringify({ tpm: stranger.socket, tpmTimeoutMs: 5000 }));
    c.agent = await startServing(AGENT, c.audit.world);
    c.way.target = c.agent.url;
    await becomes("c", "tpm-replaced");
    await c.agent.stop();
    writeFileSync(config, own);
    const mine = c.audit.backup("mine");
    c.audit.restore(good);
    c.agent = await startServing(AGENT, c.audit.world);
    c.way.target = c.agent.url;
    await becomes("c", "other-log");
    await c.agent.stop();
    c.audit.restore(mine);
    c.agent = await startServing(AGENT, c.audit.world);
    c.way.target = c.agent.url;
    await becomes("c", "ok");

    // The index is deleted.
    c.audit.tpm.tool("tpm2_nvundefine", "-C", "o", "0x01d10500");
    await c.audit.world.gantry(["--insecure-options=image", "run", c.audit.image, "--net=none", "--exec=/bin/true"]);
    await becomes("c", "anchor-missing");

    // Each change was told once, in order, signed.
    // A busy machine may miss a look in between: that is told too, and left out here, as are recoveries.
    const told = (name: string) => {
      const kinds = receiver.received
        .filter(({ node, event }) => node === name && event === "node.failing")
        .map(describe);
      return kinds.filter((text) => text !== "unreachable").filter((text, at, all) => text !== all[at - 1]);
    };
    await until(
      "c is told",
      () => told("c"),
      (some) => some.at(-1) === "anchor-missing",
    );
    expect(told("b")[0]).toBe("rolled-back");
    expect(told("a")).toEqual(["policy-violation policy-violation", "record-edited", "forked", "bad-answer"]);
    // While its agent is started anew, what stands between answers for it.
    expect(told("c").filter((text) => text !== "bad-answer")).toEqual([
      "quote-replayed",
      "tpm-replaced",
      "other-log",
      "anchor-missing",
    ]);
    const events = receiver.received.map(({ event, node, problems }) => [
      event,
      node,
      ...problems.map(({ kind }) => kind),
    ]);
    expect(events).toContainEqual(["node.failing", "c", "unreachable"]);
    expect(events).toContainEqual(["node.recovered", "b"]);
    for (const { body, signature } of receiver.received)
      expect(signature).toBe(`sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`);

    // Killed and started again: the same verdicts, nothing told twice.
    const count = receiver.received.length;
    const shown = (await nodes()).map(({ name, state, size: records }) => [name, state, records]);
    await server.stop("SIGKILL");
    server = await start();
    const poll = (bearer: string) =>
      fetch(`${server.url}/poll`, { method: "POST", headers: { authorization: `Bearer ${bearer}` } });
    expect([(await poll("wrong")).status, (await poll("poll-at-once-token")).status]).toEqual([401, 202]);
    const since = (await row("a"))?.polledAt;
    await until(
      "asked after the restart",
      () => row("a"),
      (one) => one?.polledAt !== since,
    );
    await until(
      "asked after the restart",
      () => row("c"),
      (one) => one?.state === "failing",
    );
    expect((await nodes()).map(({ name, state, size: records }) => [name, state, records])).toEqual(shown);
    expect(receiver.received.length).toBe(count);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(count);

    // Where the image ran, and a proof of it for somebody else.
    const where = JSON.parse((await verifier.succeed(["attest", "where", digest.slice(0, 20), "--json"])).stdout) as {
      node: string;
      record: number;
    }[];
    expect(new Set(where.map(({ node }) => node))).toEqual(new Set(["a", "b", "c"]));
    expect(JSON.parse((await verifier.succeed(["attest", "where", "0".repeat(64), "--json"])).stdout)).toEqual([]);
    expect((await verifier.gantry(["attest", "where", "latest"])).exitCode).toBe(2);
    const proof = await fetch(`${server.url}/nodes/a/proofs/${where[0]?.record}.tlog-proof`);
    const proven = await verifier.succeed([
      "audit",
      "verify-proof",
      file("a.tlog-proof", await proof.text()),
      `--vkey=${a.audit.identity.vkey}`,
      "--json",
    ]);
    expect(proven.stdout).toContain(digest);

    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    for (const line of metrics.trimEnd().split("\n"))
      expect(line).toMatch(
        /^(# (HELP|TYPE) gantry_attest_\w+ .+|gantry_attest_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [0-9.e+-]+)$/,
      );
    expect(metrics).toContain('gantry_attest_node_problem{node="c",kind="anchor-missing"} 1');
    expect(metrics).toContain('gantry_attest_node_ok{node="a"} 1');
    expect(metrics).toContain('gantry_attest_webhooks{state="due"} 0');
    for (const [path, status] of [
      ["/nodes/zz", 404],
      ["/nodes/a/proofs/99999.tlog-proof", 404],
      ["/search?digest=x", 400],
      ["/x", 404],
    ] as const)
      expect((await fetch(`${server.url}${path}`)).status).toBe(status);
    expect((await fetch(server.url, { headers: { host: "evil.example" } })).status).toBe(421);
  },
  TIMEOUT_MS,
);

function describe({ problems }: Received): string {
  return problems.map(({ kind }) => kind).join(" ");
}
