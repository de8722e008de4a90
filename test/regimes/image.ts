import { readFileSync } from "node:fs";
import type { TarInput } from "../../src/image/layer/encode-tar.ts";
import type { ImageBuilder } from "../../src/testing/image-builder.ts";
import { busyboxImage } from "../harness/images.ts";

const PERL = "/usr/bin/perl";

/** The busybox image with the host's perl, which can make any system call, and `extra` members. */
export function perlImage(extra: readonly TarInput[] = []): ImageBuilder {
  return busyboxImage([...withLibraries(PERL, "bin/perl"), ...extra]);
}

/** A program of the host at `path` in the image, with the libraries it asks for where it looks for them. */
export function withLibraries(program: string, path: string, modeOctal = 0o755): TarInput[] {
  const listed = Bun.spawnSync(["ldd", program]).stdout.toString();
  const libraries = [...listed.matchAll(/(\/\S+)(?= \(0x)/g)].map(([, file = ""]) => file);
  if (libraries.length === 0) throw new Error(`no libraries of ${program}: ${listed}`);
  const dirs = new Set(libraries.flatMap((file) => parentsOf(file.slice(1))));
  return [
    ...[...dirs].sort().map((dir): TarInput => ({ path: dir, kind: "dir" })),
    ...libraries.map((file): TarInput => ({ path: file.slice(1), content: readFileSync(file), modeOctal: 0o755 })),
    { path, content: readFileSync(program), modeOctal },
  ];
}

function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
}
