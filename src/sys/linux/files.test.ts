import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import type { Files } from "../host.ts";
import { openFiles } from "./files.ts";

let dir = "";
let files: Files = openFiles("/");

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gantry-files-"));
  files = openFiles(dir);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (reason) {
    return reason instanceof EngineError ? reason.code : String(reason);
  }
  return "nothing thrown";
}

describe("openFiles()", () => {
  test.each(["/etc/passwd", "..", "a/../b", "a//b", "./a", "a/", "a\0b"])("openFiles() refuses the path %j", (rel) => {
    expect(codeOf(() => files.readText(rel))).toBe("sys/bad-path");
  });

  test("openFiles() writes atomically with the mode and leaves no temporary file", () => {
    files.writeAtomic("a/b", "text", 0o640);
    expect(files.readText("a/b")).toBe("text");
    expect(files.stat("a/b")).toMatchObject({ kind: "file", modeOctal: 0o640, sizeBytes: 4 });
    expect(files.list("tmp")).toEqual([]);
  });

  test("openFiles() removes a temporary file that was not committed", () => {
    {
      using temp = files.createTemp();
      temp.write(new Uint8Array(10));
    }
    expect(files.list("tmp")).toEqual([]);
  });

  test("openFiles() reads at most the limit", () => {
    files.writePlain("f", "12345");
    expect(files.readBytes("f", 5)).toEqual(new TextEncoder().encode("12345"));
    expect(codeOf(() => files.readBytes("f", 4))).toBe("sys/too-large");
    expect(files.readText("f")).toBe("12345");
  });

  test("openFiles() reads in chunks from an offset", () => {
    files.writePlain("f", new Uint8Array(600_000).fill(7));
    const sizes = [...files.readChunks("f", 100_000)].map((chunk) => chunk.byteLength);
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(500_000);
  });

  test("openFiles() lists a missing directory as empty and finds nothing in it", () => {
    expect(files.list("none")).toEqual([]);
    expect(files.stat("none/x")).toBeUndefined();
    expect(codeOf(() => files.readText("none"))).toBe("sys/not-found");
  });

  test("openFiles() never replaces by rename or exclusive creation", () => {
    files.createExclusive("a", "1");
    files.createExclusive("b", "2");
    expect(codeOf(() => files.rename("a", "b"))).toBe("sys/exists");
    expect(codeOf(() => files.createExclusive("b", "3"))).toBe("sys/exists");
    expect(files.readText("b")).toBe("2");
    expect(files.list("tmp")).toEqual([]);
  });

  test("openFiles() removes a tree without following its links", () => {
    mkdirSync(join(dir, "keep"));
    writeFileSync(join(dir, "keep/x"), "");
    mkdirSync(join(dir, "t/a/b"), { recursive: true });
    symlinkSync(join(dir, "keep"), join(dir, "t/a/link"));
    writeFileSync(Buffer.concat([Buffer.from(join(dir, "t/")), Buffer.from([0xff, 0xfe])]), "");
    chmodSync(join(dir, "t/a"), 0);
    files.remove("t");
    files.remove("t");
    expect(existsSync(join(dir, "t"))).toBe(false);
    expect(readdirSync(join(dir, "keep"))).toEqual(["x"]);
  });

  test("openFiles() appends, links and changes owners", () => {
    files.append("log", "a");
    files.append("log", "b", { sync: true });
    files.symlink("l", "log");
    files.setOwner("log", { uid: 12, gid: 34, modeOctal: 0o4755 });
    files.setOwner("l", { uid: 1, gid: 1, modeOctal: 0o600 });
    const stat = statSync(join(dir, "log"));
    expect([files.readText("log"), files.readLink("l"), stat.uid, stat.gid, stat.mode & 0o7777]).toEqual([
      "ab",
      "log",
      12,
      34,
      0o4755,
    ]);
  });

  test("openFiles() locks exclude another process until disposed", async () => {
    const script = `import { openFiles } from ${JSON.stringify(join(import.meta.dir, "files.ts"))};
      const lock = openFiles(${JSON.stringify(dir)}).lock("l", { kind: "exclusive", wait: false });
      process.stdout.write(lock === undefined ? "held" : "free");`;
    const tryElsewhere = () => {
      const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
      return stdout.toString() || stderr.toString();
    };
    {
      using lock = files.lock("l", { kind: "exclusive", wait: false });
      expect(lock).toBeDefined();
      expect(tryElsewhere()).toBe("held");
    }
    expect(tryElsewhere()).toBe("free");
  });
});
