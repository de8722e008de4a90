import type { AttachmentHost } from "../network/detach.ts";
import type { Files } from "../sys/host.ts";
import { openFiles } from "../sys/linux/files.ts";
import type { EngineContext } from "./context.ts";

/** Where distributions and projects put CNI plugins. */
const PLUGIN_DIRS = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];

/**
 * What running CNI plugins takes: programs, plugin directories, the pod's directory, and descriptors every plugin
 * inherits (the pod's lock, so that it lives as long as its last plugin).
 */
export function pluginHost(
  ctx: Pick<EngineContext, "programs" | "env">,
  files: Files,
  inheritFds?: readonly number[],
): AttachmentHost {
  const pluginDirs = pluginDirsOf(ctx);
  return { programs: ctx.programs, pluginDirs, files, ...(inheritFds === undefined ? {} : { inheritFds }) };
}

/** Directories with plugins, in the order searched: those of CNI_PATH, then the usual ones. They need not exist. */
export function pluginDirsOf(ctx: Pick<EngineContext, "env">): readonly Files[] {
  const asked = (ctx.env["CNI_PATH"] ?? "").split(":").filter((dir) => dir.startsWith("/"));
  return [...new Set([...asked, ...PLUGIN_DIRS])].map((dir) => openFiles(dir));
}
