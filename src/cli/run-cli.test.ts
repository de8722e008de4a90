import { describe, expect, test } from "bun:test";
import type { EngineCalls, TrustPlan } from "../engine/engine-calls.ts";
import type { CliHost } from "./host.ts";
import { runCli } from "./run-cli.ts";

const FPR = "0123456789abcdef0123456789abcdef01234567";

async function gantry(argv: readonly string[], answer?: string) {
  const asked: unknown[] = [];
  const calls: Partial<EngineCalls> = {
    planTrustAdd: (input): Promise<TrustPlan> =>
      Promise.resolve({
        keys: [
          { fingerprint: FPR, userIds: ["a"], algorithm: "ed25519", createdAt: "2026-01-01T00:00:00Z", from: "f" },
        ],
        add: () => Promise.resolve(void asked.push({ added: input })),
      }),
    execInPod: (input) => Promise.resolve(asked.push(input) && 42),
    listPods: () => Promise.resolve([]),
  };
  const text = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    isTerminal: false,
    columns: 80,
    write: (content: string | Uint8Array) => {
      text[name] += String(content);
    },
  });
  const roots: string[] = [];
  const host: CliHost = {
    argv,
    env: {},
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    version: { version: "0", commit: "" },
    signal: new AbortController().signal,
    readTextFile: () => Promise.resolve(""),
    readStdin: () => Promise.resolve(""),
    ask: () => answer,
    createEngine: (options) => {
      roots.push(options.rootDir);
      return Promise.resolve({ settle: () => undefined, ...calls } as EngineCalls);
    },
  };
  return { exitCode: await runCli(host), asked, roots, ...text };
}

describe("runCli()", () => {
  test("trusts a key only after yes, a matching fingerprint, or --yes", async () => {
    const added = [{ added: { scope: { kind: "prefix", prefix: "example.com/a" } } }];
    const line = ["trust", "add", "--prefix", "example.com/a"];
    expect(await gantry(line, "yes\n")).toMatchObject({ exitCode: 0, asked: added });
    expect(await gantry([...line, "--fingerprint", FPR.toUpperCase()])).toMatchObject({ exitCode: 0, asked: added });
    expect(await gantry([...line, "--yes"])).toMatchObject({ exitCode: 0, asked: added });
    for (const answer of ["y\n", "no\n", "", undefined])
      expect(await gantry(line, answer)).toMatchObject({ exitCode: 4, asked: [] });
    expect(await gantry([...line, "--fingerprint", "F".repeat(40)])).toMatchObject({ exitCode: 4, asked: [] });
  });

  test("tells --root of trust add from the global one", async () => {
    const result = await gantry(["--root", "/r", "trust", "add", "--root", "k.asc", "--yes"]);
    expect(result).toMatchObject({
      exitCode: 0,
      roots: ["/r"],
      asked: [{ added: { key: "k.asc", scope: { kind: "root" } } }],
    });
    expect((await gantry(["trust", "add", "k.asc"])).exitCode).toBe(2);
  });

  test("leaves the flags of a command to exec alone and hands back its code", async () => {
    const { exitCode, asked } = await gantry(["exec", "-it", "-e", "A=b", "pod", "ls", "-l", "--json"]);
    expect(exitCode).toBe(42);
    expect(asked).toMatchObject([
      { pod: "pod", argv: ["ls", "-l", "--json"], env: ["A=b"], tty: true, interactive: true },
    ]);
    expect((await gantry(["exec", "pod", "--", "-x"])).asked).toMatchObject([{ argv: ["-x"] }]);
  });

  test("takes global flags on both sides of the command", async () => {
    expect(await gantry(["--root=/a", "list", "--json"])).toMatchObject({ exitCode: 0, roots: ["/a"], stdout: "[]\n" });
    expect(await gantry(["ps", "--root", "/b", "--no-legend"])).toMatchObject({ exitCode: 0, roots: ["/b"] });
    expect((await gantry(["--insecure-options=magic", "list"])).exitCode).toBe(2);
  });
});
