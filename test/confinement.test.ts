import { expect, test } from "bun:test";
import { writeArchive } from "./harness/images.ts";
import { createWorld } from "./harness/world.ts";

// What an app may do, seen from inside the app and from inside exec: both must see the same.
const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";
const DEFAULT_SET = "00000000800405fb";

/** Ends with the number of the system call that was refused, or with nothing when it was let through. */
const PROBE = [
  "grep -E '^(CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status",
  'for f in kcore kallsyms keys timer_list interrupts; do [ -e /proc/$f ] && [ -s /proc/$f ] && dd if=/proc/$f bs=1 count=1 2> /dev/null | grep -q . && echo "reads $f"; done',
  'for d in firmware module kernel/security kernel/debug kernel/tracing power dev/block fs/bpf; do [ -n "$(ls -A /sys/$d 2> /dev/null)" ] && echo "sees $d"; done',
  'for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/fs/cgroup/x; do (echo x > $f) 2> /dev/null && echo "writes $f"; done',
  "mount -t tmpfs x /tmp 2> /dev/null && echo mounts",
  "unshare -U true 2> /dev/null && echo unshares",
  "mknod /tmp/disk b 7 0 2> /dev/null && echo makes devices",
  "chroot / true 2> /dev/null || echo no chroot",
  "echo end",
].join("\n");

const field = (text: string, name: string) => new RegExp(`^${name}:\\s*(\\S+)$`, "m").exec(text)?.[1];

test(
  "confinement: an app and exec have the default capabilities, no new privileges, the filter, and none of the masked paths",
  async () => {
    await using world = await createWorld();
    const image = `oci-archive:${writeArchive(world, "app")}:1`;
    const sleepAfter = ["--", "-c", `${PROBE}\nexec sleep 60`];
    await world.succeed([LOOSE, "run", "-d", "--name=pod", "--net=none", image, "--exec=sh", ...sleepAfter]);
    const inside = await world.succeed(["exec", "pod", "--", "sh", "-c", PROBE]);
    let app = "";
    for (let tries = 0; !app.endsWith("end\n") && tries < 100; tries++) {
      await Bun.sleep(50);
      app = (await world.succeed(["logs", "--stream=stdout", "pod"])).stdout;
    }
    expect(inside.stdout).toBe(app);
    expect(["CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"].map((name) => field(app, name))).toEqual([
      DEFAULT_SET,
      DEFAULT_SET,
      DEFAULT_SET,
      "0000000000000000",
      "1",
      "2",
    ]);
    expect(app.split("\n").slice(6)).toEqual(["end", ""]);
    const hostNet = ["--net=host", "localhost/app:1", "--exec=sh", "--", "-c", PROBE];
    const onHost = await world.succeed([LOOSE, "-q", "run", ...hostNet]);
    expect(onHost.stdout).toBe(app);
    const unprivileged = await world.succeed(["exec", "--user=web", "pod", "--", "sh", "-c", PROBE]);
    expect(["CapPrm", "CapEff", "CapBnd"].map((name) => field(unprivileged.stdout, name))).toEqual([
      "0000000000000000",
      "0000000000000000",
      DEFAULT_SET,
    ]);
  },
  TIMEOUT_MS,
);

test(
  "confinement: --cap-add, --cap-drop, --caps-retain and --seccomp=unconfined change exactly what they name",
  async () => {
    await using world = await createWorld();
    await world.succeed([LOOSE, "fetch", `oci-archive:${writeArchive(world, "app")}:1`]);
    const bounding = async (...flags: string[]) => {
      const show = ["--exec=grep", ...flags, "--", "-E", "^(CapBnd|Seccomp):", "/proc/self/status"];
      const { stdout } = await world.succeed([LOOSE, "-q", "run", "--net=none", "localhost/app:1", ...show]);
      return [field(stdout, "CapBnd"), field(stdout, "Seccomp")];
    };
    expect(await bounding("--cap-add=NET_ADMIN")).toEqual(["00000000800415fb", "2"]);
    expect(await bounding("--cap-drop=ALL", "--cap-add=KILL")).toEqual(["0000000000000020", "2"]);
    expect(await bounding("--caps-retain=CAP_CHOWN,CAP_KILL")).toEqual(["0000000000000021", "2"]);
    expect(await bounding("--cap-drop=ALL", "--seccomp=unconfined")).toEqual(["0000000000000000", "2"]);
  },
  TIMEOUT_MS,
);
