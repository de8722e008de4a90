import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { realPath } from "./real-path.ts";

const dir = realpathSync(mkdtempSync(`${tmpdir()}/gantry-real-`));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("realPath() follows symbolic links, and leaves what is missing absolute", () => {
  writeFileSync(`${dir}/file`, "");
  symlinkSync(`${dir}/file`, `${dir}/link`);
  expect(realPath(`${dir}/link`)).toBe(`${dir}/file`);
  expect(realPath(`${dir}/gone/../none`)).toBe(`${dir}/none`);
});
