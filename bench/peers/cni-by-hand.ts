import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultNetwork } from "../../src/network/default-network.ts";
import type { Lab } from "../lab.ts";
import { call } from "../programs.ts";

const CNI_DIR = "/usr/lib/cni";

/** The plugins of the built-in network, called one after the other without an engine. */
export interface CniByHand extends Disposable {
  /** ADD in a fresh namespace, then DEL: what one run costs in the long term. */
  addAndDelete(): void;
}

/** Makes the namespace the plugins work on; it goes with the disposal. */
export function openCniByHand(lab: Lab): CniByHand {
  const netns = join(lab.world.dir, "by-hand.netns");
  writeFileSync(netns, "");

  const config = JSON.parse(defaultNetwork({ hasIpv6: true }).text);
  const { plugins, name, cniVersion } = config;
  let count = 0;
  call(["unshare", `--net=${netns}`, "true"]);
  return {
    addAndDelete: () => {
      const id = `bench-${count++}`;
      let prevResult: unknown;
      const stdin = (plugin: object): string =>
        JSON.stringify({ name, cniVersion, ...plugin, ...(prevResult === undefined ? {} : { prevResult }) });
      for (const plugin of plugins)
        prevResult = JSON.parse(invoke(plugin.type, { command: "ADD", id, netns, stdin: stdin(plugin) }));
      for (const plugin of plugins.toReversed())
        invoke(plugin.type, { command: "DEL", id, netns, stdin: stdin(plugin) });
    },
    [Symbol.dispose]: () => void call(["umount", netns]),
  };
}

function invoke(
  type: string,
  input: { readonly command: string; readonly id: string; readonly netns: string; readonly stdin: string },
): string {
  return call([`${CNI_DIR}/${type}`], {
    stdin: input.stdin,
    env: {
      CNI_COMMAND: input.command,
      CNI_CONTAINERID: input.id,
      CNI_NETNS: input.netns,
      CNI_IFNAME: "eth0",
      CNI_PATH: CNI_DIR,
    },
  });
}
