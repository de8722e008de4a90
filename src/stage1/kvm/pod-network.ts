import type { Programs } from "../../sys/host.ts";
import { openTap } from "../../sys/linux/tap.ts";
import { Stage1Error } from "../errors.ts";
import { type GuestCard, type NamespaceState, planCards, planGuestNetwork } from "./guest-network.ts";

/** A guest's card with the open device that carries its frames. */
export interface ConnectedCard extends GuestCard {
  readonly fd: number;
}

/** What a pod's networks mean for its guest. */
export interface PodNetwork {
  readonly cards: readonly ConnectedCard[];
  readonly commands: readonly (readonly string[])[];
}

/** A pod without networks. */
export const LOOPBACK_ONLY: PodNetwork = {
  cards: [],
  commands: planGuestNetwork({ links: [], routes4: [], routes6: [] }),
};

const TOOL_MS = 30_000;

/**
 * Leads the frames of every interface the networks gave the pod to a card of the guest and back, unchanged, so that the
 * guest has the pod's own addresses and whatever filters the host has keep working.
 * @throws {Stage1Error} "stage1/start-failed", "stage1/missing-tool"
 */
export async function connectGuest(programs: Programs, netnsPath: string): Promise<PodNetwork> {
  const state = await readNamespace(programs, netnsPath);
  const cards: ConnectedCard[] = [];
  for (const card of planCards(state)) {
    const tap = `tap-${card.name}`.slice(0, 15);
    const fd = openTap(netnsPath, tap);
    await inside(programs, netnsPath, ["ip", "link", "set", "dev", tap, "mtu", String(card.mtu), "up"]);
    await redirect(programs, { netnsPath, from: card.name, to: tap });
    await redirect(programs, { netnsPath, from: tap, to: card.name });
    cards.push({ ...card, fd });
  }
  return { cards, commands: planGuestNetwork(state) };
}

async function readNamespace(programs: Programs, netnsPath: string): Promise<NamespaceState> {
  const ask = async (argv: readonly string[]) => JSON.parse((await inside(programs, netnsPath, argv)) || "[]");
  const [links, routes4, routes6] = await Promise.all([
    ask(["ip", "-json", "address", "show"]),
    ask(["ip", "-4", "-json", "route", "show"]),
    ask(["ip", "-6", "-json", "route", "show"]),
  ]);
  return { links, routes4, routes6 };
}

async function redirect(
  programs: Programs,
  { netnsPath, from, to }: { readonly netnsPath: string; readonly from: string; readonly to: string },
): Promise<void> {
  await inside(programs, netnsPath, ["tc", "qdisc", "add", "dev", from, "ingress"]);
  const match = ["protocol", "all", "u32", "match", "u32", "0", "0"];
  const action = ["action", "mirred", "egress", "redirect", "dev", to];
  await inside(programs, netnsPath, ["tc", "filter", "add", "dev", from, "parent", "ffff:", ...match, ...action]);
}

async function inside(programs: Programs, netnsPath: string, argv: readonly string[]): Promise<string> {
  const program = { argv: ["nsenter", `--net=${netnsPath}`, ...argv] as [string, ...string[]], timeoutMs: TOOL_MS };
  const { exitCode, stdout, stderr } = await programs.run(program);
  if (exitCode === 0) return stdout;
  throw new Stage1Error("stage1/start-failed", `Cannot connect the guest to the pod's network: ${stderr.trim()}`, {
    hint: "the kernel needs the modules act_mirred, cls_u32 and sch_ingress, and iproute2 has to be installed",
    data: { command: argv.join(" ") },
  });
}
