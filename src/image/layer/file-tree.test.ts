import { expect, test } from "bun:test";
import { AciArchiveReader } from "../aci/read-archive.ts";
import { LayerApplier } from "./apply-layer.ts";
import { encodeTar } from "./encode-tar.ts";
import { createTree } from "./file-tree.ts";
import { TarReader } from "./tar-reader.ts";

const sink = { offset: 0, write: () => {} };
const NOTE = { "user.note": new Uint8Array(900_000) };

function apply(make: (i: number) => Parameters<typeof encodeTar>[0][number]): () => void {
  return () => {
    const reader = new TarReader(new LayerApplier(createTree(), { layer: 0, sink }));
    for (let i = 0; i < 400_000; i++) reader.push(encodeTar([make(i)]).subarray(0, -1024));
  };
}

test("a tree refuses directories nobody described, piled up by deep paths", () => {
  expect(apply((i) => ({ path: `${i}/${"d/".repeat(1500)}f` }))).toThrowCode("image/too-large");
});

test("a tree refuses attributes that fill the memory", () => {
  expect(apply((i) => ({ path: `f${i}`, xattrs: NOTE }))).toThrowCode("image/too-large");
});

test("an App Container Image is held to the same", () => {
  const reader = new TarReader(new AciArchiveReader(sink));
  expect(() => {
    for (let i = 0; i < 400; i++) reader.push(encodeTar([{ path: `rootfs/f${i}`, xattrs: NOTE }]).subarray(0, -1024));
  }).toThrowCode("image/too-large");
});
