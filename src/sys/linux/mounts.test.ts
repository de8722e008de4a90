import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listMounts, parseMountInfo } from "./mount-table.ts";
import { createNetNamespace, removeNetNamespace } from "./net-namespace.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gantry-mounts-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs code in a child bun process inside a private mount namespace, with `dir` as DIR. */
function inNamespace(body: string): string {
  const from = (file: string) => JSON.stringify(join(import.meta.dir, file));
  const script = `
    import * as fs from "node:fs";
    import { enterPrivateMountNamespace, bindMount, setReadOnly } from ${from("mounts.ts")};
    import { mountOverlay, mountAtOnce } from ${from("overlay.ts")};
    import { mount } from ${from("mount-calls.ts")};
    import { execve } from ${from("process-calls.ts")};
    import { openFiles } from ${from("files.ts")};
    const DIR = ${JSON.stringify(dir)};
    const codeOf = (work) => { try { work(); } catch (reason) { return reason.code ?? String(reason); } return "nothing thrown"; };
    enterPrivateMountNamespace();
    ${body}`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
  return stdout.toString() + stderr.toString();
}

test("enterPrivateMountNamespace() keeps mounts away from the host, and a full file system is sys/no-space", () => {
  const out = inNamespace(`
    mount({ source: "t", target: DIR, fsType: "tmpfs", data: "size=64k" });
    fs.writeFileSync(DIR + "/inside", "");
    console.log(codeOf(() => openFiles(DIR).writeAtomic("big", new Uint8Array(200_000))), openFiles(DIR).list("tmp").length);`);
  expect(out).toBe("sys/no-space 0\n");
  expect(existsSync(join(dir, "inside"))).toBe(false);
  expect(listMounts().some((mount) => mount.mountPoint === dir)).toBe(false);
});

test("mountOverlay() takes 150 layers with odd names, and so does the way of older kernels with fewer", () => {
  const out = inNamespace(`
    mount({ source: "t", target: DIR, fsType: "tmpfs" });
    const lowers = [];
    for (let i = 0; i < 150; i++) {
      const lower = DIR + "/layers,with:odd\\\\names/layer-with-a-long-name-" + "x".repeat(40) + i;
      fs.mkdirSync(lower, { recursive: true });
      fs.writeFileSync(lower + "/f" + i, String(i));
      fs.writeFileSync(lower + "/same", String(i));
      lowers.push(lower);
    }
    for (const name of ["up,per", "work", "merged", "old", "up2", "work2"]) fs.mkdirSync(DIR + "/" + name);
    mountOverlay({ lowers, upper: DIR + "/up,per", work: DIR + "/work", target: DIR + "/merged", nodev: true });
    fs.writeFileSync(DIR + "/merged/new", "");
    console.log(fs.readdirSync(DIR + "/merged").length, fs.readFileSync(DIR + "/merged/same", "utf8"), fs.existsSync(DIR + "/up,per/new"));
    mountAtOnce({ lowers: lowers.slice(0, 20), upper: DIR + "/up2", work: DIR + "/work2", target: DIR + "/old", readOnly: true });
    console.log(fs.readdirSync(DIR + "/old").length, process.cwd() !== "");
    console.log(codeOf(() => mountAtOnce({ lowers, target: DIR + "/old" })));`);
  expect(out).toBe("152 0 true\n21 true\nsys/unsupported\n");
});

test("bindMount() restricts, also recursively", () => {
  const out = inNamespace(`
    mount({ source: "t", target: DIR, fsType: "tmpfs" });
    for (const name of ["src", "dst"]) fs.mkdirSync(DIR + "/" + name);
    fs.mkdirSync(DIR + "/src/sub");
    mount({ source: "s", target: DIR + "/src/sub", fsType: "tmpfs" });
    const fd = fs.openSync(DIR + "/dst", "r");
    bindMount({ source: DIR + "/src", target: fd, recursive: true, readOnly: true, nosuid: true });
    const tryWrite = (path) => codeOf(() => fs.writeFileSync(path, ""));
    console.log(tryWrite(DIR + "/dst/x"), tryWrite(DIR + "/dst/sub/x"), tryWrite(DIR + "/src/x"));`);
  expect(out).toBe("EROFS EROFS nothing thrown\n");
});

test("execve() gives the new program default signal dispositions", () => {
  const out = inNamespace(`execve("/bin/grep", ["grep", "-hE", "^Sig(Ign|Blk)", "/proc/self/status"], {});`);
  expect(out).toBe("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
});

test("createNetNamespace() makes a namespace that stays until removed, and returns to the old one", () => {
  const path = join(dir, "ns/net");
  const before = Bun.spawnSync(["readlink", "/proc/self/ns/net"]).stdout.toString();
  try {
    createNetNamespace(path);
    const inside = Bun.spawnSync(["nsenter", `--net=${path}`, "ip", "-o", "link"]).stdout.toString();
    expect(inside).toContain("LOOPBACK,UP");
    expect(inside.trim().split("\n")).toHaveLength(1);
  } finally {
    removeNetNamespace(path);
    removeNetNamespace(path);
  }
  expect(Bun.spawnSync(["readlink", "/proc/self/ns/net"]).stdout.toString()).toBe(before);
  expect(existsSync(path)).toBe(false);
  expect(listMounts().some((mount) => mount.mountPoint.startsWith(dir))).toBe(false);
});

test("parseMountInfo() decodes octal escapes", () => {
  const [mount] = parseMountInfo(
    "36 35 98:0 /mnt1 /mnt/a\\040b\\134 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n",
  );
  expect(mount).toMatchObject({
    id: 36,
    mountPoint: "/mnt/a b\\",
    fsType: "ext3",
    superOptions: ["rw", "errors=continue"],
  });
});
