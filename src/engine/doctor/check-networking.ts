import { findPlugin } from "../../network/invoke.ts";
import type { EngineContext } from "../context.ts";
import { loadAllNetworks } from "../load-pod-networks.ts";
import { pluginDirsOf } from "../plugin-host.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { askTool, failed, passed, type SectionOptions, warned } from "./section.ts";

/** What the built-in network needs, and what configured ones commonly use. */
const NEEDED = ["bridge", "portmap", "host-local", "loopback"];
const COMMON = ["firewall"];
const INSTALL = "apt install containernetworking-plugins";

/** Whether pods can join networks: plugins, the packet filter they drive, and readable configuration. */
export async function checkNetworking(ctx: EngineContext, options: SectionOptions): Promise<readonly DoctorCheck[]> {
  return [checkPlugins(ctx), await checkIptables(ctx, options), checkIpv6(ctx), ...checkFiles(ctx)];
}

function checkPlugins(ctx: EngineContext): DoctorCheck {
  const dirs = pluginDirsOf(ctx);
  const searched = dirs.map((dir) => dir.root).join(", ");
  const missing = NEEDED.filter((type) => findPlugin(dirs, type) === undefined);
  if (missing.length > 0) return failed("CNI plugins", `${missing.join(", ")} not in ${searched}`, INSTALL);
  const uncommon = COMMON.filter((type) => findPlugin(dirs, type) === undefined);
  if (uncommon.length > 0) return warned("CNI plugins", `${uncommon.join(", ")} not in ${searched}`, INSTALL);
  return passed("CNI plugins", [...NEEDED, ...COMMON].join(", "));
}

async function checkIptables(ctx: EngineContext, options: SectionOptions): Promise<DoctorCheck> {
  const answers = await Promise.all([
    askTool(ctx, ["iptables", "--version"], options),
    askTool(ctx, ["ip6tables", "--version"], options),
  ]);
  const [first] = answers;
  if (first !== undefined && answers.every((answer) => answer?.exitCode === 0))
    return passed("iptables", first.stdout.trim());
  return failed("iptables", "masquerading and port mapping need iptables and ip6tables", "apt install iptables");
}

function checkIpv6(ctx: EngineContext): DoctorCheck {
  if (ctx.proc.has("net/if_inet6")) return passed("IPv6", "on: the default network has both families");
  return warned("IPv6", "off: the default network is IPv4 only", "boot without ipv6.disable=1 to have both families");
}

function checkFiles(ctx: EngineContext): DoctorCheck[] {
  return loadAllNetworks(ctx).problems.map(({ network, error }) => {
    return failed(`network ${network}`, error.message, error.hint ?? "correct that file, then: gantry net check");
  });
}
