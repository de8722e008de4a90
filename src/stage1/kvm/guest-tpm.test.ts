import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFiles } from "../../sys/linux/files.ts";
import { noteMeasured, readExpectedPcrs } from "./guest-tpm.ts";

test("noteMeasured() writes the PCR that command line and initramfs lead to, and readExpectedPcrs() reads it", () => {
  const dir = mkdtempSync(join(tmpdir(), "gantry-measured-"));
  try {
    const pod = openFiles(dir);
    expect(readExpectedPcrs(pod)).toBeUndefined();
    noteMeasured(pod, { commandLine: "console=ttyS0 quiet", initrd: new TextEncoder().encode("initrd\n") });
    // printf 'console=ttyS0 quiet initrd=initrd\0' | iconv -t UTF-16LE | sha256sum, and so on, by hand.
    expect(readExpectedPcrs(pod)).toEqual({
      "sha256:9": "82672cc86ac298837f93731c2f34a0d5223fc1f8d983f57d28c0100fbb26a950",
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
