import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFiles } from "../../sys/linux/files.ts";
import { compiledName, keepCompiled, withCompiled } from "./compiled-seccomp.ts";
import type { OciRuntime } from "./oci-runtime.ts";

const CRUN: OciRuntime = { name: "crun", path: "/usr/bin/env", args: [], cgroups: "own", isSandbox: false };
const SPEC = { annotations: { one: "1" }, linux: { seccomp: { defaultAction: "SCMP_ACT_ERRNO" } } };
const FILTER = new Uint8Array([6, 0, 0, 0, 0, 0, 5, 0]);

function withDir(work: (dirs: ReturnType<typeof openDirs>) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "gantry-filter-"));
  try {
    work(openDirs(dir));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function openDirs(dir: string) {
  return { pod: openFiles(join(dir, "pod")), cache: openFiles(join(dir, "cache")), host: openFiles("/") };
}

test("a compiled filter is given to crun for the same configuration, and to nobody else", () => {
  withDir(({ pod, cache, host }) => {
    const name = compiledName(SPEC, CRUN, { host });
    expect(withCompiled(SPEC, name, { cache })).toBe(SPEC);
    pod.writePlain("state/seccomp.bpf", FILTER);
    keepCompiled(pod, { state: "state", name, cache });
    expect(withCompiled(SPEC, name, { cache }).annotations).toEqual({
      one: "1",
      "run.oci.seccomp_bpf_data": "BgAAAAAABQA=",
    } as never);
    const other = { ...SPEC, linux: { seccomp: { defaultAction: "SCMP_ACT_KILL" } } };
    expect(compiledName(other, CRUN, { host })).not.toBe(name as never);
    expect(compiledName(SPEC, { ...CRUN, name: "runc" }, { host })).toBeUndefined();
    expect(compiledName({ ...SPEC, linux: {} }, CRUN, { host })).toBeUndefined();
  });
});

test("what is no filter is not kept, and what was damaged is not given", () => {
  withDir(({ pod, cache }) => {
    pod.writePlain("state/seccomp.bpf", "seven b");
    keepCompiled(pod, { state: "state", name: "a", cache });
    keepCompiled(pod, { state: "absent", name: "a", cache });
    expect(cache.has("seccomp/a")).toBe(false);
    pod.writePlain("state/seccomp.bpf", FILTER);
    keepCompiled(pod, { state: "state", name: "a", cache });
    cache.writePlain("seccomp/a", cache.readText("seccomp/a").slice(0, -3));
    expect(withCompiled(SPEC, "a", { cache })).toBe(SPEC);
  });
});

test("old filters do not pile up", () => {
  withDir(({ pod, cache }) => {
    pod.writePlain("state/seccomp.bpf", FILTER);
    for (let i = 0; i < 40; i++) keepCompiled(pod, { state: "state", name: `n${i}`, cache });
    expect(cache.list("seccomp").length).toBeLessThanOrEqual(32);
    expect(cache.has("seccomp/n39")).toBe(true);
  });
});
