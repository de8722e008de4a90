import { expect, test } from "bun:test";
import type { Stage1Host } from "../../pod/stage1-contract.ts";
import { findObstacle, firstError } from "./criu.ts";

test("firstError() finds what criu complains about, from its output as from its log", () => {
  expect(firstError("Warn  (criu/kerndat.c:1): x\nError (criu/vdso.c:381): vdso: Unexpected\nError (a:1): later")).toBe(
    "vdso: Unexpected",
  );
  expect(firstError("(00.002343) Error (criu/protobuf.c:72): Unexpected EOF")).toBe("Unexpected EOF");
  expect(firstError("(00.002343)      12: Error (criu/files.c:72): Cannot open")).toBe("Cannot open");
  expect(firstError("Looks good.")).toBeUndefined();
});

test("findObstacle() lets runc pass, and crun where it was built with CRIU and makes cgroups itself", async () => {
  const host = (stdout: string) =>
    ({ env: {}, programs: { run: async () => ({ exitCode: 0, stdout, stderr: "" }) } }) as unknown as Stage1Host;
  const crun = { name: "crun", path: "/usr/bin/crun", cgroups: "managed" } as const;
  const able = host("crun version 1.21\n+SYSTEMD +CRIU +YAJL\n");
  expect(await findObstacle(host(""), { ...crun, name: "runc" })).toBeUndefined();
  expect(await findObstacle(able, crun)).toBeUndefined();
  expect(await findObstacle(able, { ...crun, cgroups: "own" })).toContain("hybrid");
  expect(await findObstacle(host("crun version 1.8.1\n+SYSTEMD +YAJL\n"), crun)).toContain("without CRIU");
});
