import { expect, test } from "bun:test";
import { renderPodScript } from "./pod-script.ts";

const FUNCTIONS = `for f in drivers disk overlay shared bind readonly_bind net; do
  eval "$f() { printf '%s|' $f \\"\\$@\\"; echo; }"
done
`;

test("renderPodScript() is read by a shell as the words it was made of, whatever they contain", () => {
  const odd = '/data/it\'s $(reboot) `x` "q" ;&|*\\';
  const script = renderPodScript({
    disks: [{ serial: "layer0", fsType: "erofs" }],
    roots: [
      { path: "", name: "stage1", disks: ["layer0"], readOnly: false, nodev: false },
      { path: "/opt/a", name: "app-a", disks: ["layer0", "layer1"], readOnly: true, nodev: true },
    ],
    hasVolumes: true,
    binds: [{ source: "/gantry/volumes/v", target: odd, readOnly: true }],
    network: [["-6", "addr", "add", "fd00::2/64", "dev", "eth0"]],
    hasTerminal: true,
  });
  const ran = Bun.spawnSync(["sh", "-c", FUNCTIONS + script]);
  expect(ran.stdout.toString().split("\n")).toEqual([
    "drivers|",
    "disk|layer0|/l/layer0|erofs|",
    "overlay|/root|lowerdir=/l/layer0,upperdir=/up/stage1,workdir=/wk/stage1|",
    "overlay|/root/opt/a|ro,nodev,lowerdir=/l/layer1:/l/layer0,upperdir=/up/app-a,workdir=/wk/app-a|",
    "shared|/root/gantry/volumes|",
    `readonly_bind|/root/gantry/volumes/v|/root${odd}|`,
    "net|-6|addr|add|fd00::2/64|dev|eth0|",
    "bind|/dev/hvc0|/root/gantry/dev/console|",
    "",
  ]);
});

test("renderPodScript() asks for further drivers only for what needs them", () => {
  const bare = { disks: [], roots: [], hasVolumes: false, binds: [], network: [["link", "set", "lo", "up"]] };
  expect(renderPodScript(bare)).not.toContain("drivers");
  for (const more of [
    { hasVolumes: true },
    { disks: [{ serial: "layer0", fsType: "squashfs" as const }] },
    { network: [["link", "set", "dev", "eth0", "up"]] },
  ])
    expect(renderPodScript({ ...bare, ...more })).toStartWith("drivers\n");
});
