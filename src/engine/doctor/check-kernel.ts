import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { failed, passed, readIfThere, warned } from "./section.ts";

/** mount_setattr came with 5.12, openat2 with 5.6. */
const OLDEST = [5, 12] as const;
const NAMESPACES = ["mnt", "pid", "net", "ipc", "uts", "cgroup"];

/** Whether the kernel is new enough and has overlayfs, namespaces and seccomp. */
export async function checkKernel(ctx: EngineContext): Promise<readonly DoctorCheck[]> {
  const release = readIfThere(ctx.proc, "sys/kernel/osrelease") ?? "unknown";
  return [checkRelease(release), checkOverlay(ctx, release), checkNamespaces(ctx), checkSeccomp(ctx)];
}

function checkRelease(release: string): DoctorCheck {
  const [, major = "0", minor = "0"] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  const [wantMajor, wantMinor] = OLDEST;
  const isNewEnough = Number(major) > wantMajor || (Number(major) === wantMajor && Number(minor) >= wantMinor);
  if (isNewEnough) return passed("kernel", `Linux ${release}`);
  const fix = `boot Linux ${wantMajor}.${wantMinor} or newer`;
  return failed("kernel", `Linux ${release} lacks mount_setattr (${wantMajor}.${wantMinor})`, fix);
}

function checkOverlay(ctx: EngineContext, release: string): DoctorCheck {
  const known = readIfThere(ctx.proc, "filesystems") ?? "";
  if (/^nodev\s+overlay$/m.test(known)) return passed("overlayfs", "there");
  const modules = `lib/modules/${release}`;
  const isPlain = /^[A-Za-z0-9._+~-]+$/.test(release) && !release.startsWith(".");
  const lists = isPlain
    ? ["modules.builtin", "modules.dep"].map((name) => readIfThere(ctx.host, `${modules}/${name}`) ?? "")
    : [];
  if (lists.some((text) => /\/overlay\.ko/.test(text)))
    return passed("overlayfs", "there as a module, loaded when needed");
  return failed(
    "overlayfs",
    "the kernel does not have it",
    "modprobe overlay, or boot a kernel with CONFIG_OVERLAY_FS",
  );
}

function checkNamespaces({ proc }: EngineContext): DoctorCheck {
  const missing = NAMESPACES.filter((name) => !proc.has(`self/ns/${name}`));
  if (missing.length > 0) {
    return failed(
      "namespaces",
      `the kernel lacks: ${missing.join(", ")}`,
      "boot a kernel with all of CONFIG_NAMESPACES",
    );
  }
  return passed("namespaces", NAMESPACES.join(", "));
}

function checkSeccomp({ proc }: EngineContext): DoctorCheck {
  const actions = readIfThere(proc, "sys/kernel/seccomp/actions_avail");
  if (actions?.split(" ").includes("errno") === true) return passed("seccomp", `filters with ${actions}`);
  if (/^Seccomp:/m.test(readIfThere(proc, "self/status") ?? "")) {
    return warned("seccomp", "there, but the kernel does not say which actions it knows", "boot Linux 4.14 or newer");
  }
  return failed("seccomp", "the kernel lacks it", "boot a kernel with CONFIG_SECCOMP_FILTER");
}
