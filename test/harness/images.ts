import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TarInput } from "../../src/image/layer/encode-tar.ts";
import { anImage, encodeArchive, type ImageBuilder } from "../../src/testing/image-builder.ts";
import type { World } from "./world.ts";

const APPLETS = ["sh", "cat", "echo", "env", "false", "grep", "httpd", "id", "ls", "mknod", "mount", "readlink"];
const MORE = [
  "dd",
  "timeout",
  "hostname",
  "ip",
  "sleep",
  "stat",
  "tail",
  "touch",
  "true",
  "wget",
  "ps",
  "mkdir",
  "unshare",
];

/** An image of the host's static busybox with two users; `extra` members go into the same layer. */
export function busyboxImage(extra: readonly TarInput[] = []): ImageBuilder {
  const links = [...APPLETS, ...MORE].map(
    (name): TarInput => ({ path: `bin/${name}`, kind: "symlink", linkTarget: "busybox" }),
  );
  return anImage()
    .withLayer([
      { path: "bin", kind: "dir" },
      { path: "bin/busybox", content: readFileSync("/bin/busybox"), modeOctal: 0o755 },
      ...links,
      { path: "etc", kind: "dir" },
      { path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/home/web:/bin/sh\n" },
      { path: "etc/group", content: "root:x:0:\nweb:x:1001:\nextra:x:2000:web\n" },
      ...extra,
    ])
    .withConfig({ cmd: ["/bin/sh", "-c", "echo hello"] });
}

/** Writes the image as an OCI archive into the world's directory and returns its path. */
export function writeArchive(world: World, name: string, image: ImageBuilder = busyboxImage()): string {
  const path = join(world.dir, `${name}.oci.tar`);
  writeFileSync(path, encodeArchive(image.build(), "1"));
  return path;
}
