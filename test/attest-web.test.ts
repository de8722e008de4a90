import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLog } from "../src/audit/log/open-log.ts";
import { openFiles } from "../src/sys/linux/files.ts";
import { startServing } from "./harness/attest-fleet.ts";
import { type AuditWorld, createAuditWorld } from "./harness/audit-world.ts";
import { startBrowser } from "./harness/browser.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const HOSTILE = '<img src=x onerror=alert(1)>"';

/** Whoever is root on a node can have anything recorded, properly anchored. */
function writeHostileRecord({ log }: AuditWorld): void {
  const files = openFiles(log);
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const image = { name: HOSTILE, digest: `sha256:${HOSTILE}` };
  const content = {
    type: "pod.started",
    pod: HOSTILE,
    stage1: HOSTILE,
    time: HOSTILE,
    apps: [{ app: HOSTILE, image }],
  };
  withLog({ files, bootId, stamp: () => content }, (appender) => void appender.append(content), { sync: true });
}

test(
  "attest: the web page shows nodes, verdicts, events with their proofs, and answers where a digest ran, in a real browser",
  async () => {
    const verifier = await createWorld();
    await using _ = verifier;
    const node = await createAuditWorld();
    await using __ = node.world;
    await node.runPod();
    await node.world.succeed([
      "--insecure-options=image",
      "run",
      node.image,
      "--net=none",
      "--stage1=fly",
      "--exec=/bin/true",
    ]);
    writeHostileRecord(node);
    const agent = await startServing(["attest", "agent", "--listen=127.0.0.1:0"], node.world);
    await using ___ = agent;
    await verifier.succeed(["attest", "enroll", "web-1", agent.url]);
    const policy = join(verifier.dir, "policy.json");
    writeFileSync(policy, JSON.stringify({ regimes: ["systemd"] }));
    const server = await startServing(
      ["attest", "serve", "--listen=127.0.0.1:0", "--interval=1s", `--policy=${policy}`],
      verifier,
    );
    await using ____ = server;
    const browser = await startBrowser();
    await using _____ = browser;
    const text = () => browser.evaluate<string>("document.querySelector('main')?.innerText ?? ''");
    const waitFor = async (words: string) => {
      for (let tries = 0; tries < 100 && !(await text()).includes(words); tries++) {
        await Bun.sleep(200);
        await browser.evaluate("location.reload()").catch(() => undefined);
        await Bun.sleep(200);
      }
      expect(await text()).toContain(words);
    };

    await browser.open(server.url);
    await waitFor("policy-violation");
    expect(await text()).toContain("web-1");
    expect(await text()).toContain("regime fly is not allowed");
    expect(await text()).toContain(`regime ${HOSTILE} is not allowed`);
    expect(await browser.evaluate<string>("getComputedStyle(document.querySelector('.failing')).fontWeight")).toBe(
      "600",
    );

    await browser.evaluate("document.querySelector('main a[href=\"/nodes/web-1\"]').click()");
    await waitFor("pod.started");
    expect(await text()).toContain(node.identity.vkey);
    expect(await text()).toContain(HOSTILE);
    expect(await browser.evaluate<number>("document.querySelectorAll('img').length")).toBe(0);

    // The proof that stands beside an event convinces somebody else.
    const proof = await browser.evaluate<string>(
      "fetch([...document.querySelectorAll('main tr')].find((row) => row.innerText.includes('pod.started')).querySelector('a[download]').href).then((answer) => answer.text())",
    );
    const path = join(verifier.dir, "event.tlog-proof");
    writeFileSync(path, proof);
    expect((await verifier.succeed(["audit", "verify-proof", path, `--vkey=${node.identity.vkey}`])).stdout).toContain(
      "pod.started",
    );

    const digest =
      /sha256:[0-9a-f]{64}/.exec(node.lines().find((line) => line.includes("pod.started")) ?? "")?.[0] ?? "";
    await browser.evaluate(
      `document.querySelector('input').value = "${digest}"; document.querySelector('button').click()`,
    );
    await waitFor("ran");
    expect(await browser.evaluate<string>("document.title")).toContain(digest);
    await browser.open(`${server.url}/search?digest=${encodeURIComponent(HOSTILE)}`);
    expect(await text()).toContain(HOSTILE);

    // Even markup that got into a page would not run, nor send anything away.
    await browser.open(server.url);
    expect(browser.complaints.filter((text) => !text.includes("status of 400"))).toEqual([]);
    await browser.evaluate(
      "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title = 1\">')",
    );
    await Bun.sleep(200);
    expect(await browser.evaluate<string>("document.title")).toBe("Nodes");
    expect(browser.complaints.join()).toContain("Content Security Policy");
  },
  TIMEOUT_MS,
);
