import { expect, test } from "bun:test";
import { firstError } from "./criu.ts";

test("firstError() finds what criu complains about, from its output as from its log", () => {
  expect(firstError("Warn  (criu/kerndat.c:1): x\nError (criu/vdso.c:381): vdso: Unexpected\nError (a:1): later")).toBe(
    "vdso: Unexpected",
  );
  expect(firstError("(00.002343) Error (criu/protobuf.c:72): Unexpected EOF")).toBe("Unexpected EOF");
  expect(firstError("(00.002343)      12: Error (criu/files.c:72): Cannot open")).toBe("Cannot open");
  expect(firstError("Looks good.")).toBeUndefined();
});
