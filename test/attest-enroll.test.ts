import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCertificateAuthority } from "../src/testing/certificate-authority.ts";
import { type SoftwareTpm, startSoftwareTpm } from "../src/testing/software-tpm.ts";
import { startServing } from "./harness/attest-fleet.ts";
import { createAuditWorld } from "./harness/audit-world.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const TOKEN = "a-token-of-this-test";

test(
  "attest: a node is bound to its TPM by a challenge, and another TPM under its name needs a decision",
  async () => {
    const verifier = await createWorld();
    await using _ = verifier;
    const node = await createAuditWorld();
    await using __ = node.world;
    await node.runPod();
    const authority = await createCertificateAuthority(Date.now());
    const tls = await authority.issue(["node.test"]);
    const file = (name: string, content: string) => {
      const path = join(verifier.dir, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    const ca = `--ca-file=${file("ca.pem", authority.certPem)}`;
    const token = `--token-file=${file("token", `${TOKEN}\n`)}`;
    const flags = [`--tls-cert=${file("cert.pem", tls.certPem)}`, `--tls-key=${file("key.pem", tls.keyPem)}`, token];
    const agent = await startServing(["attest", "agent", "--listen=127.0.0.1:0", ...flags], node.world);
    await using ___ = agent;
    const enroll = (...more: readonly string[]) =>
      verifier.gantry([ca, "attest", "enroll", "node1", agent.url, "--json", ...more]);

    expect((await enroll()).exitCode).toBe(4); // no token
    expect((await verifier.gantry(["attest", "enroll", "node1", agent.url, token])).exitCode).not.toBe(0); // unknown CA
    const wrong = await enroll(token, `--ek-fingerprint=${"0".repeat(64)}`);
    expect([wrong.exitCode, wrong.stderr]).toEqual([4, expect.stringContaining("fingerprint")]);
    const uncertified = await enroll(token, ca.replace("--ca-file", "--ek-ca"));
    expect([uncertified.exitCode, uncertified.stderr]).toEqual([4, expect.stringContaining("no certificate")]);

    const first = await enroll(token);
    expect([first.exitCode, first.stderr]).toEqual([0, expect.stringContaining("TRUST ON FIRST USE")]);
    const enrolled = JSON.parse(first.stdout) as { size: number; ekFingerprint: string; change: string };
    const { vkey, anchor } = node.identity;
    expect(enrolled).toMatchObject({ change: "enrolled", vkey, akName: anchor.akName, nvName: anchor.nvName });
    expect(enrolled.size).toBe(node.lines().length);
    expect(first.stderr).toContain(enrolled.ekFingerprint);
    const again = await enroll(token, `--ek-fingerprint=${enrolled.ekFingerprint}`);
    expect(JSON.parse(again.stdout)).toMatchObject({ change: "unchanged" });
    expect(JSON.parse((await verifier.gantry(["attest", "list", "--json"])).stdout)).toMatchObject([
      { name: "node1", size: enrolled.size, ekTrust: "first use" },
    ]);

    // What the agent refuses.
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(`${agent.url}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${TOKEN}` },
        tls: { ca: authority.certPem },
      });
    const post = async (path: string, body: string) => (await ask(path, { method: "POST", body })).status;
    expect(await post("/quote", "{")).toBe(400);
    expect(await post("/quote", '{"nonce":"00"}')).toBe(400);
    expect(await post("/quote", `{"nonce":"${"00".repeat(20_000)}"}`)).toBe(413);
    expect(await post("/activate", '{"credential":"AAAA"}')).toBe(503);
    expect((await ask("/quote")).status).toBe(405);
    expect((await ask("/../keys/audit-log.pem")).status).toBe(404);
    expect((await ask("/state")).status).toBe(404);

    const busy = await node.world.gantry(["attest", "agent", `--listen=${new URL(agent.url).host}`]);
    expect([busy.exitCode, busy.stderr]).toEqual([5, expect.stringContaining("listens there already")]);
    const noKey = await node.world.gantry([
      "attest",
      "agent",
      "--listen=127.0.0.1:0",
      ...flags.slice(0, 1),
      `--tls-key=${file("bad.pem", "x")}`,
    ]);
    expect([noKey.exitCode, noKey.stderr]).toEqual([4, expect.stringContaining("Cannot serve HTTPS")]);
    expect((await node.world.gantry(["attest", "agent", ...flags.slice(0, 1)])).exitCode).toBe(2);
    expect((await node.world.gantry(["attest", "agent", "--listen=nowhere"])).exitCode).toBe(2);
    expect((await node.world.gantry(["attest", "agent", `--token-file=${file("short", "x")}`])).exitCode).toBe(2);

    // Another TPM under the same name.
    await agent.stop();
    const other = node.world.use(await startSoftwareTpm());
    writeFileSync(join(node.world.config, "audit.json"), JSON.stringify({ tpm: other.socket, tpmTimeoutMs: 5000 }));
    await node.world.succeed(["audit", "init", "--force"]);
    const next = await startServing(["attest", "agent", "--listen=127.0.0.1:0"], node.world);
    await using ____ = next;
    const swap = (...more: readonly string[]) =>
      verifier.gantry(["attest", "enroll", "node1", next.url, "--json", ...more]);
    const refused = await swap();
    expect([refused.exitCode, refused.stderr]).toEqual([4, expect.stringContaining("another TPM")]);
    expect(JSON.parse((await swap("--replace")).stdout)).toMatchObject({ change: "replaced" });
    expect((await verifier.gantry(["attest", "remove", "node1"])).exitCode).toBe(0);
    expect((await verifier.gantry(["attest", "remove", "node1"])).exitCode).toBe(3);
    for (const [name, url] of [
      ["no/name", next.url],
      ["node2", "ftp://x"],
      ["node2", "http://192.0.2.1:1"],
    ])
      expect((await verifier.gantry(["attest", "enroll", name ?? "", url ?? ""])).exitCode).toBe(2);
  },
  TIMEOUT_MS,
);

/** What a manufacturer does: certifies the endorsement key and writes the certificate into the TPM. */
function certify(dir: string) {
  const openssl = (...args: readonly string[]) => {
    const result = Bun.spawnSync(["openssl", ...args], { cwd: dir, stderr: "pipe" });
    if (result.exitCode !== 0) throw new Error(result.stderr.toString());
  };
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "root.key",
    "-out",
    "root.pem",
    "-subj",
    "/CN=TPM maker",
  );
  return (tpm: SoftwareTpm): void => {
    const at = (name: string) => join(dir, name);
    tpm.tool("tpm2_createek", "-G", "rsa", "-c", at("ek.ctx"), "-u", at("ek.pub"));
    tpm.tool("tpm2_flushcontext", "-t");
    tpm.tool("tpm2_readpublic", "-c", at("ek.ctx"), "-f", "pem", "-o", at("ek.pem"));
    tpm.tool("tpm2_flushcontext", "-t");
    openssl(
      "x509",
      "-new",
      "-force_pubkey",
      "ek.pem",
      "-subj",
      "/CN=TPM 1",
      "-CA",
      "root.pem",
      "-CAkey",
      "root.key",
      "-outform",
      "DER",
      "-out",
      "ek.crt",
    );
    const size = String(Bun.file(at("ek.crt")).size);
    tpm.tool("tpm2_nvdefine", "-C", "o", "-s", size, "-a", "ownerread|ownerwrite|authread", "0x1c00002");
    tpm.tool("tpm2_nvwrite", "-C", "o", "-i", at("ek.crt"), "0x1c00002");
  };
}

test(
  "attest: with the manufacturer's authorities only certified endorsement keys are accepted",
  async () => {
    const verifier = await createWorld();
    await using _ = verifier;
    const node = await createAuditWorld(certify(verifier.dir));
    await using __ = node.world;
    const agent = await startServing(["attest", "agent", "--listen=127.0.0.1:0"], node.world);
    await using ___ = agent;
    const enroll = (bundle: string) =>
      verifier.gantry(["attest", "enroll", "n", agent.url, "--json", `--ek-ca=${bundle}`]);
    const stranger = join(verifier.dir, "stranger.pem");
    writeFileSync(stranger, (await createCertificateAuthority(Date.now())).certPem);
    const refused = await enroll(stranger);
    expect([refused.exitCode, refused.stderr]).toEqual([4, expect.stringContaining("TPM maker")]);
    const accepted = await enroll(join(verifier.dir, "root.pem"));
    expect([accepted.exitCode, JSON.parse(accepted.stdout)]).toEqual([
      0,
      expect.objectContaining({ ekTrust: "CN=TPM maker" }),
    ]);
    expect(accepted.stderr).not.toContain("FIRST USE");

    // Keys of two TPMs shown as one: the challenge is closed for both together, and neither opens it.
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const ek = { publicKey: publicKey.export({ type: "spki", format: "pem" }).toString() };
    const mixer = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        const { pathname } = new URL(request.url);
        const body = request.method === "POST" ? { method: "POST", body: await request.text() } : {};
        const answer = await fetch(`${agent.url}${pathname}`, body);
        return pathname === "/identity" ? Response.json({ ...((await answer.json()) as object), ek }) : answer;
      },
    });
    const mixed = await verifier.gantry(["attest", "enroll", "mixed", `http://127.0.0.1:${mixer.port}`]);
    await mixer.stop(true);
    expect([mixed.exitCode, mixed.stderr]).toEqual([
      4,
      expect.stringContaining("not in the TPM of its endorsement key"),
    ]);
  },
  TIMEOUT_MS,
);
