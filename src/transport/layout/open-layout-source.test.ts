import { expect, test } from "bun:test";
import { openFiles } from "../../sys/linux/files.ts";
import { makeTempDirectory } from "../../testing/registry/temp-directory.ts";
import { writeTestLayout } from "../../testing/registry/write-test-layout.ts";
import { buildSignatureArtifact } from "../signature-artifact.ts";
import { openLayoutSource } from "./open-layout-source.ts";
import { writeSignatureToLayout } from "./write-signature-to-layout.ts";

const A = { ref: "a", layer: Buffer.from("layer a") };
const B = { ref: "b", layer: Buffer.from("layer b") };

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "nothing thrown",
    (reason: { code?: unknown }) => reason.code,
  );
}

test("openLayoutSource() chooses by name, takes the only one, and lists names when it must be told", async () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  const [a] = writeTestLayout(files, [A, B]);
  expect(String((await openLayoutSource(files, { ref: "a" }).resolve()).digest)).toBe(a?.manifest ?? "");
  expect(await codeOf(openLayoutSource(files).resolve())).toBe("transport/not-found");
  expect(await codeOf(openLayoutSource(files, { ref: "c" }).resolve())).toBe("transport/not-found");
  const [only] = writeTestLayout(files, [B]);
  expect(String((await openLayoutSource(files).resolve()).digest)).toBe(only?.manifest ?? "");
});

test("openLayoutSource() refuses what is no layout, lacks a blob, or differs from its digest", async () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  expect(await codeOf(openLayoutSource(files).resolve())).toBe("transport/bad-archive");
  writeTestLayout(files, [A]);
  const source = openLayoutSource(files);
  const descriptor = await source.resolve();
  const blob = `blobs/sha256/${descriptor.digest.slice(7)}`;
  files.writeAtomic(blob, Buffer.alloc(descriptor.sizeBytes));
  expect(await codeOf(source.readDocument(descriptor, 1 << 20))).toBe("transport/bad-answer");
  files.remove(blob);
  files.symlink(blob, "/etc/hostname");
  expect(await codeOf(source.readDocument(descriptor, 1 << 20))).toBe("transport/not-found");
});

test("writeSignatureToLayout() attaches signatures that findSignatures() finds, once each, leaving nothing else", async () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  writeTestLayout(files, [A, B]);
  files.remove("tmp");
  const source = openLayoutSource(files, { ref: "a" });
  const subject = await source.resolve();
  const artifact = buildSignatureArtifact(subject, Buffer.from("signed"), { createdAt: "2026-01-02T03:04:05Z" });
  writeSignatureToLayout(files, artifact);
  writeSignatureToLayout(files, artifact);
  const found = await source.findSignatures(subject.digest);
  expect(found.map(({ bytes, over }) => [Buffer.from(bytes).toString(), over])).toEqual([["signed", "manifest"]]);
  expect(
    await openLayoutSource(files, { ref: "b" }).findSignatures(
      (await openLayoutSource(files, { ref: "b" }).resolve()).digest,
    ),
  ).toEqual([]);
  expect(files.list("")).toEqual(["blobs", "index.json", "oci-layout"]);
});

test("buildSignatureArtifact() makes the same bytes from the same input and refuses oversized signatures", async () => {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  writeTestLayout(files, [A]);
  const subject = await openLayoutSource(files).resolve();
  const digest = () => buildSignatureArtifact(subject, Buffer.from("x")).manifest.descriptor.digest;
  expect(digest()).toBe(digest());
  expect(() => buildSignatureArtifact(subject, Buffer.alloc(70_000))).toThrow(
    expect.objectContaining({ code: "transport/unsupported" }),
  );
});
