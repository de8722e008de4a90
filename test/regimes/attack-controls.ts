import { join } from "node:path";
import { type AttackLab, openAttackLab } from "./attack-lab.ts";
import { ATTACKS, type Control, MORE_ATTACKS, parseSaid } from "./attacks.ts";

/** Attempts that succeeded where nothing, or less, was there to stop them. */
export type Succeeded = ReadonlyMap<Control, ReadonlySet<string>>;

/** Makes the attempts whose control is no pod of `fly`: one virtual machine, and processes of the host. */
export async function tryControls(): Promise<Succeeded> {
  await using lab = await openAttackLab("kvm", false);
  const wanted = ATTACKS.filter((one) => one.control === "virtual machine").map((one) => one.id);
  const said = await lab.inside(["/bin/perl", "/attack.pl", `run=${wanted.join(",")}`, ...lab.arguments]);
  if (said.exitCode !== 0)
    throw new Error(`the attack program ended with ${said.exitCode}: ${said.stdout}${said.stderr}`);
  const did = [...parseSaid(said.stdout)].filter(([, one]) => one.did.length > 0).map(([id]) => id);
  return new Map([
    ["virtual machine", new Set(did)],
    ["bare process", await tryBare(lab)],
  ]);
}

/** What a careless launcher would do: leave descriptors open, and follow an image's links as they lead on the host. */
async function tryBare(lab: AttackLab): Promise<ReadonlySet<string>> {
  const root = join(lab.world.dir, "naive-root");
  await lab.world.succeed(["image", "render", "localhost/app:1", root]);
  const sh = (script: string) =>
    Bun.spawnSync(["unshare", "--mount", "sh", "-ec", script, root, lab.paths.volume, ...lab.arguments], {
      stdio: ["ignore", "pipe", "pipe", ...lab.descriptors],
    }).stdout.toString();
  const attack = parseSaid(sh(`shift; exec chroot "$0" /bin/perl /attack.pl run=descriptors "$@"`)).get("descriptors");
  sh(`mkdir -p "$0/out/sub"; mount --bind "$1" "$0/out/sub"`);
  sh(`ln -sf ../../../../../../../..${join(lab.paths.outside, "passwd")} "$0/etc/passwd"`);
  const user = sh(`grep ^hostonly "$0/etc/passwd"`);
  const outcomes = new Map([
    ["descriptors", attack?.loot.some((text) => lab.secrets.some((secret) => text.includes(secret))) === true],
    ["symlink", lab.changes().has("symlink")],
    ["passwd", user.includes("4242")],
  ]);
  return new Set([...outcomes].filter(([, is]) => is).map(([id]) => id));
}

/** Attempts by their control. */
export function controlledBy(control: Control) {
  return [...ATTACKS, ...MORE_ATTACKS].filter((one) => (one.control ?? "fly") === control);
}
