import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAuditWorld } from "./harness/audit-world.ts";
import { gantryOnTerminal } from "./harness/terminal.ts";
import type { World } from "./harness/world.ts";

const TIMEOUT_MS = 240_000;
const LOOSE = ["--insecure-options=image", "-q"];

interface Event {
  readonly kind: string;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

async function eventsOf(world: World, ...flags: readonly string[]): Promise<Event[]> {
  return JSON.parse((await world.succeed(["audit", "log", "--json", ...flags])).stdout) as Event[];
}

async function startPod(world: World, argv: readonly string[]): Promise<string> {
  return (await world.succeed([...LOOSE, "run", "--detach", "--net=none", ...argv])).stdout.trim();
}

test(
  "events: how apps end is recorded in every regime, with the time of the end, though nothing of Gantry stays",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    const { world, image } = audit;
    for (const regime of ["systemd", "oci", "gvisor", "fly"]) {
      const argv = [`--stage1=${regime}`, image, "--exec=/bin/sh", "--", "-c", "sleep 1; exit 7"];
      const uuid = await startPod(world, argv);
      await Bun.sleep(3000); // nobody asks in the meantime
      const events = await eventsOf(world, `--pod=${uuid}`);
      expect([regime, ...events.map(({ kind }) => kind)]).toEqual([
        regime,
        ...["pod.prepared", "insecure.used", "pod.started", "app.exited", "pod.exited"],
      ]);
      const [, , started, exited] = events;
      expect(exited?.data).toMatchObject({ app: "app", exitCode: 7, image: { digest: expect.any(String) } });
      // It ended after its start and before anybody looked.
      const occurred = Date.parse(String(exited?.data["occurredAt"]));
      expect(occurred).toBeGreaterThan(Date.parse(String(started?.at)));
      expect(occurred).toBeLessThan(Date.parse(String(exited?.at)));
    }
    // A pod that runs out of memory, and one whose supervisor is killed, in the default regime.
    const hungry = await startPod(world, [image, "--memory=32m", "--exec=/bin/sh", "--", "-c", "tail /dev/zero"]);
    await world.succeed(["status", "--wait=60s", hungry]);
    const [oom] = (await eventsOf(world, `--pod=${hungry}`)).filter(({ kind }) => kind === "app.exited");
    expect(oom?.data).toMatchObject({ exitCode: 137, oomKilled: true });
    expect((await audit.check()).exitCode).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "events: who entered a pod, with which command line, as whom and from which terminal; what changed, and what it was",
  async () => {
    const audit = await createAuditWorld();
    await using _ = audit.world;
    const { world, image, tpm } = audit;
    const pod = await startPod(world, [image, "--exec=/bin/sh", "--", "-c", "sleep 600"]);
    const options = { root: world.root, config: world.config };
    await using entering = gantryOnTerminal(["exec", "-t", "--user=web", pod, "sh", "-c", "echo in; sleep 5"], options);
    await entering.waitFor("in");
    await using watching = gantryOnTerminal(["attach", "--no-stdin", pod], options);
    const isWatching = () =>
      audit
        .lines()
        .slice(-2)
        .join("")
        .match(/"pod.attach".*"audit.anchored"/) !== null;
    for (let tries = 0; tries < 500 && !isWatching(); tries++) await Bun.sleep(20);
    await world.succeed(["stop", pod]);
    await entering.exited;
    await watching.exited;
    writeFileSync(join(world.config, "audit.json"), JSON.stringify({ tpm: tpm.socket, tpmTimeoutMs: 6000 }));
    await audit.runPod(); // and with it goes what had ended
    await world.succeed(["image", "rm", "localhost/app:1"]);

    const events = await eventsOf(world);
    const find = (kind: string) => events.find((event) => event.kind === kind && event.data["pod"] !== undefined)?.data;
    expect(find("pod.exec")).toMatchObject({
      argv: ["sh", "-c", "echo in; sleep 5"],
      user: "web",
      terminal: expect.stringMatching(/^\/dev\/pts\/\d+$/),
    });
    expect(find("pod.attach")).toMatchObject({ app: "app", terminal: expect.stringMatching(/^\/dev\/pts\/\d+$/) });
    expect(find("pod.started")).toMatchObject({
      stage1: "systemd",
      stage1Digest: expect.stringMatching(/^sha256:/),
      manifestHash: expect.stringMatching(/^sha256:/),
      apps: [{ app: "app", image: { digest: expect.stringMatching(/^sha256:/) } }],
      caller: { uid: 0, pid: expect.any(Number), command: expect.any(String) },
      bootId: expect.any(String),
      monotonicNs: expect.any(Number),
    });
    const of = (kind: string) => events.filter((event) => event.kind === kind).map(({ data }) => data);
    for (const kind of ["pod.stopped", "pod.removed"]) expect(of(kind).map((data) => data["pod"])).toContain(pod);
    expect(of("config.changed").at(-1)).toMatchObject({
      changes: expect.arrayContaining([expect.objectContaining({ part: "audit", from: expect.any(String) })]),
    });
    expect(of("image.removed")).toMatchObject([{ image: { name: "localhost/app:1" } }]);
    expect(of("stage1.built")).toMatchObject([{ stage1: "systemd" }]);
    expect(of("insecure.used")[0]).toMatchObject({ options: ["image"] });
    // Entering is anchored before it happens, as a start is.
    const numbers = (kinds: readonly string[]) =>
      audit.lines().flatMap((line, at) => (kinds.some((kind) => line.includes(`"type":"${kind}"`)) ? [at] : []));
    for (const at of numbers(["pod.started", "pod.exec", "pod.attach"]))
      expect(audit.lines()[at + 1]).toContain('"audit.anchored"');
  },
  TIMEOUT_MS,
);
