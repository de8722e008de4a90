import { readFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { encodeTar, type TarInput } from "../../src/image/layer/encode-tar.ts";
import { busyboxImage } from "../harness/images.ts";
import { forgeImage, packedLayer, plainLayer } from "./forge-image.ts";
import { confined, type HostileCase, malformed, type Verdict } from "./hostile-case.ts";

const BAD_LAYER = malformed("image/bad-layer");

function inLayer(name: string, entries: readonly TarInput[], expect: Verdict): HostileCase {
  return { name, expect, make: () => forgeImage({ layers: [plainLayer(entries)] }) };
}

function onBusybox(name: string, entries: readonly TarInput[], expect: Verdict, user = ""): HostileCase {
  const [base] = busyboxImage().layerTars;
  const tar = base?.tar ?? encodeTar([]);
  return {
    name,
    expect,
    make: () =>
      forgeImage({
        layers: [packedLayer(gzipSync(tar), tar), plainLayer(entries)],
        configFields: { config: { Entrypoint: ["/bin/sh"], User: user } },
      }),
  };
}

/** Whiteouts, overlay attributes, device nodes, setuid files: what would reach beyond its layer or its rights. */
export const OVERLAY_CASES: readonly HostileCase[] = [
  inLayer("whiteout-with-parent", [{ path: "a/../../.wh.etc" }], BAD_LAYER),
  inLayer("whiteout-of-dotdot", [{ path: "a/.wh..." }], BAD_LAYER),
  inLayer("whiteout-of-dot", [{ path: "a/.wh.." }], BAD_LAYER),
  inLayer("whiteout-of-nothing", [{ path: "a/.wh." }], BAD_LAYER),
  inLayer("whiteout-as-directory", [{ path: ".wh.a/b" }], BAD_LAYER),
  onBusybox(
    "whiteout-of-root",
    [{ path: ".wh..wh..opq" }, { path: "only" }],
    confined("an opaque root hides what is below, in this image alone", { has: ["only"] }),
  ),
  inLayer(
    "whiteout-through-symlink",
    [{ path: "out", kind: "symlink", linkTarget: "/etc" }, { path: "out/.wh.passwd" }],
    confined("the link is followed inside the layer", { has: ["etc/passwd"] }),
  ),
  inLayer(
    "whiteout-bookkeeping",
    [{ path: ".wh..wh.plnk/1.2", content: "x" }, { path: ".wh..wh.aufs" }],
    confined("no files of the image", { hasNot: [".wh..wh.plnk", ".wh..wh.aufs"] }),
  ),
  inLayer("whiteout-device", [{ path: "etc", kind: "char" }], BAD_LAYER),
  inLayer("device-major-huge", [{ path: "d", kind: "block", devMajor: 4096 }], BAD_LAYER),
  inLayer("device-minor-huge", [{ path: "d", kind: "block", devMinor: 0o7777777 }], BAD_LAYER),
  onBusybox(
    "device-of-the-disk",
    [{ path: "disk", kind: "block", devMajor: 254, devMinor: 0, modeOctal: 0o666 }],
    confined("roots of apps are mounted nodev", {
      run: {
        args: ["-c", "head -c 1 /disk >/dev/null 2>&1 || dd if=/disk of=/dev/null count=1 2>/dev/null; echo $?"],
        stdout: "1\n",
      },
    }),
  ),
  onBusybox(
    "device-of-memory",
    [{ path: "mem", kind: "char", devMajor: 1, devMinor: 1, modeOctal: 0o666 }],
    confined("roots of apps are mounted nodev", {
      run: { args: ["-c", "dd if=/mem of=/dev/null count=1 2>/dev/null; echo $?"], stdout: "1\n" },
    }),
  ),
  inLayer(
    "fifo-then-file",
    [
      { path: "p", kind: "fifo" },
      { path: "p", content: "x" },
    ],
    confined("the file replaces the FIFO, which is never opened", { has: ["p"] }),
  ),
  inLayer("fifo-as-directory", [{ path: "p", kind: "fifo" }, { path: "p/x" }], BAD_LAYER),
  onBusybox(
    "setuid-root-for-a-user",
    [{ path: "bin/busybox-up", content: readFileSync("/bin/busybox"), modeOctal: 0o4755 }],
    confined("no_new_privs: setuid gives nothing", {
      run: { args: ["-c", "/bin/busybox-up id -u; id -u"], stdout: "1000\n1000\n" },
    }),
    "1000",
  ),
  onBusybox(
    "setuid-file-hidden-then-linked",
    [{ path: "bin/.wh.busybox" }, { path: "evil", kind: "hardlink", linkTarget: "bin/busybox" }],
    BAD_LAYER,
  ),
  onBusybox(
    "file-capability-for-a-user",
    [
      {
        path: "bin/able",
        content: "#!/bin/sh\n",
        modeOctal: 0o755,
        xattrs: { "security.capability": Uint8Array.of(1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
      },
    ],
    confined("no_new_privs: file capabilities give nothing", {
      run: { args: ["-c", "grep CapEff /proc/self/status | grep -c 0000000000000000"], stdout: "1\n" },
    }),
    "1000",
  ),
  inLayer("capability-malformed", [{ path: "f", xattrs: { "security.capability": "x" } }], BAD_LAYER),
  inLayer(
    "overlay-redirect",
    [{ path: "d", kind: "dir", xattrs: { "trusted.overlay.redirect": "/etc" } }],
    confined("attributes of overlayfs are never taken from an image", { has: ["d"] }),
  ),
  inLayer(
    "overlay-metacopy",
    [{ path: "f", xattrs: { "trusted.overlay.metacopy": "", "user.overlay.metacopy": "" } }],
    confined("attributes of overlayfs are never taken from an image", { has: ["f"] }),
  ),
  inLayer("xattr-huge", [{ path: "f", xattrs: { "user.big": "x".repeat(70_000) } }], BAD_LAYER),
  inLayer("xattr-name-strange", [{ path: "f", xattrs: { "no-namespace": "x" } }], BAD_LAYER),
  {
    name: "zstd-layer-cut-short",
    expect: malformed("store/content-mismatch"),
    make: () => {
      const tar = encodeTar([{ path: "f", content: "x".repeat(5000) }]);
      return forgeImage({ layers: [packedLayer(zstdCompressSync(tar).subarray(0, -8), tar, "zstd")] });
    },
  },
];
