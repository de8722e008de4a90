import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SoftwareTpm, startSoftwareTpm } from "../../testing/software-tpm.ts";
import { Tpm } from "./tpm.ts";

let dir = "";
let swtpm: SoftwareTpm;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "gantry-tpm-faults-"));
  swtpm = await startSoftwareTpm();
});
afterEach(async () => {
  await swtpm[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

// In a process of its own: the client under test blocks its thread. Answers the first commands itself, by `script`:
// a response code, "silent", "short" or "huge"; everything after that goes to the real TPM.
const PROXY = `
const [listen, target, script] = process.argv.slice(2);
const faults = JSON.parse(script);
Bun.listen({ unix: listen, socket: {
  open(client) {
    client.data = Bun.connect({ unix: target, socket: { data: (_tpm, bytes) => void client.write(bytes), close: () => void client.end() } });
  },
  async data(client, bytes) {
    const fault = faults.shift();
    if (fault === "silent") return;
    if (fault === "short") return void client.end(bytes.subarray(0, 4));
    const header = Buffer.alloc(10);
    header.writeUInt16BE(0x8001, 0);
    header.writeUInt32BE(fault === "huge" ? 0x7fffffff : 10, 2);
    header.writeUInt32BE(typeof fault === "number" ? fault : 0, 6);
    if (fault !== undefined) return void client.write(header);
    (await client.data).write(bytes);
  },
  close: async (client) => void (await client.data).end(),
} });
console.log("ready");
`;

async function faulty(script: readonly (number | "silent" | "short" | "huge")[], timeoutMs = 3000) {
  const name = crypto.randomUUID().slice(0, 8);
  const [path, file] = [join(dir, name), join(dir, `${name}.ts`)];
  writeFileSync(file, PROXY);
  const child = Bun.spawn([process.execPath, file, path, swtpm.socket, JSON.stringify(script)], { stdout: "pipe" });
  await child.stdout.getReader().read();
  const tpm = Tpm.open(path, "socket", timeoutMs);
  return {
    tpm,
    async [Symbol.asyncDispose]() {
      tpm[Symbol.dispose]();
      child.kill();
      await child.exited;
    },
  };
}

test("Tpm asks again while the TPM is busy, testing itself or short of time", async () => {
  await using one = await faulty([0x922, 0x90a, 0x908, 0x920]);
  expect(one.tpm.readClock().clockMs).toBeGreaterThan(0);
});

test("Tpm gives up on a TPM that stays busy, and says so", async () => {
  await using one = await faulty(
    Array.from({ length: 200 }, () => 0x922 as const),
    200,
  );
  expect(() => one.tpm.readClock()).toThrowCode("audit/tpm-refused");
});

test("Tpm tells a lockout, a full memory and a TPM that was not started from each other", async () => {
  const hints = { 2337: "tpm2_dictionarylockout", 331: "tpm2_getcap", 256: "firmware" };
  for (const [code, hint] of Object.entries(hints)) {
    await using one = await faulty([Number(code)]);
    expect(() => one.tpm.readClock()).toThrow(
      expect.objectContaining({ code: "audit/tpm-refused", hint: expect.stringContaining(hint) }),
    );
  }
});

test("Tpm gives up on one that does not answer, hangs up, or answers with more than any TPM has to say", async () => {
  for (const fault of ["silent", "short", "huge"] as const) {
    await using one = await faulty([fault], 200);
    expect(() => one.tpm.readClock()).toThrowCode("audit/no-tpm");
  }
  expect(() => Tpm.open(join(dir, "nothing"), "socket", 200)).toThrowCode("audit/no-tpm");
});
