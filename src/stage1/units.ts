import { CAPABILITY_NAMES } from "../pod/capabilities.ts";
import type { AppName } from "../pod/names.ts";
import type { ResolvedApp } from "../pod/resolved-app.ts";
import { allowedSyscalls } from "../pod/seccomp-profile.ts";
import { withEventHandlers } from "./event-handlers.ts";
import { ALL_KERNEL_PATHS, type UnitKernelPaths } from "./kernel-paths.ts";
import { renderLimits } from "./pod-limits.ts";
import { renderUlimits } from "./ulimits.ts";
import { quoteUnitWord, unitPath } from "./unit-escape.ts";

/** Name of an app's unit; the prefix keeps users' names apart from systemd's own. */
export function appUnitName(app: AppName): string {
  return `app-${app}.service`;
}

/** What units depend on besides their apps: where the pod's systemd itself runs. */
export interface UnitPlace {
  /** Value of BindPaths=, which shows the kernel's file systems in every app. */
  readonly apiPaths: string;
  /** Terminal of an interactive app. */
  readonly ttyPath: string;
  /** Size it has from the start. */
  readonly ttySize?: { readonly rows: number; readonly columns: number };
  /** Value of SuccessAction= when the last app has ended. */
  readonly podEnd: string;
  /** Devices of `apiPaths` that apps may use besides the usual ones. */
  readonly devices?: readonly string[];
  /** Units started before any app. */
  readonly before: readonly string[];
  /** Program that is told the name of an app that has been started. */
  readonly started?: string;
}

/** A pod in a container: the supervisor has prepared /dev, and systemd's own exit ends it. */
const IN_CONTAINER: UnitPlace = {
  apiPaths: "/proc /sys /dev",
  ttyPath: "/dev/console",
  podEnd: "exit-force",
  before: [],
};

/** Unit and configuration files of a pod, by path inside stage1. Pure; what the pod's systemd will do follows from it. */
export function renderUnits(
  apps: readonly ResolvedApp[],
  paths: UnitKernelPaths = ALL_KERNEL_PATHS,
  place: UnitPlace = IN_CONTAINER,
): Map<string, string> {
  const units = new Map<string, string>();
  const names = apps.map(({ app }) => appUnitName(app.name));
  units.set("etc/systemd/system/default.target", renderDefaultTarget([...place.before, ...names]));
  units.set("etc/systemd/system/gantry-pod.target", renderPodTarget(place));
  for (const resolved of apps) {
    for (const [name, text] of withEventHandlers(resolved, renderAppUnit(resolved, paths, place)))
      units.set(`etc/systemd/system/${name}`, text);
  }
  units.set("etc/passwd", renderPasswd(apps));
  units.set("etc/group", renderGroup(apps));
  return units;
}

function renderDefaultTarget(units: readonly string[]): string {
  return `[Unit]
Description=Apps of this pod
DefaultDependencies=no
Wants=${units.join(" ")}
AllowIsolate=yes
`;
}

// Needed by every app; the last one to end makes it unneeded, and its end is the pod's.
function renderPodTarget({ podEnd }: UnitPlace): string {
  return `[Unit]
Description=Pod with at least one app
DefaultDependencies=no
StopWhenUnneeded=yes
SuccessAction=${podEnd}
`;
}

function renderAppUnit(resolved: ResolvedApp, paths: UnitKernelPaths, place: UnitPlace): string {
  const { app, credentials } = resolved;
  const name = app.name;
  return `[Unit]
Description=App ${name}
DefaultDependencies=no
Requires=gantry-pod.target
After=${["gantry-pod.target", ...place.before].join(" ")}
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=simple
ExecStart=:${resolved.argv.map(quoteUnitWord).join(" ")}
${place.started === undefined ? "" : `ExecStartPost=+${place.started} ${name}\n`}ExecStopPost=+/usr/lib/gantry/exited ${name}
RootDirectory=/opt/stage2/${name}/rootfs
RootDirectoryStartOnly=yes
MountAPIVFS=no
BindPaths=${place.apiPaths}
${paths.readOnly.map((path) => `ReadOnlyPaths=-+${path}`).join("\n")}
${paths.masked.map((path) => `InaccessiblePaths=-+${path}`).join("\n")}
WorkingDirectory=${unitPath(app.workingDir)}
User=${credentials.uid}
Group=${credentials.gid}
SupplementaryGroups=${credentials.groups.join(" ")}
UMask=0022
${resolved.env.map((entry) => `Environment=${quoteUnitWord(entry)}`).join("\n")}
UnsetEnvironment=${unsetNames(resolved.env).join(" ")}
${renderStdio(resolved, place)}
KillMode=mixed
KillSignal=${killSignal(app.stopSignal)}
IgnoreSIGPIPE=no
OOMPolicy=continue
${app.oomScoreAdj === undefined ? "" : `OOMScoreAdjust=${app.oomScoreAdj}`}
${[...renderLimits(app), ...renderUlimits(app.ulimits)].join("\n")}
KeyringMode=private
${renderConfinement(resolved, place)}
`;
}

function renderStdio({ app, stdin }: ResolvedApp, { ttyPath, ttySize }: UnitPlace): string {
  if (stdin === "tty") {
    const size = ttySize === undefined ? "" : `\nTTYRows=${ttySize.rows}\nTTYColumns=${ttySize.columns}`;
    return `StandardInput=tty-force\nTTYPath=${ttyPath}${size}\nStandardOutput=tty\nStandardError=tty`;
  }
  const io = `/gantry/io/${app.name}`;
  const input = stdin === "fifo" ? `file:${io}.stdin` : "null";
  return `StandardInput=${input}\nStandardOutput=file:${io}.stdout\nStandardError=file:${io}.stderr`;
}

function renderConfinement({ app }: ResolvedApp, { devices = [] }: UnitPlace): string {
  const lines = [
    `CapabilityBoundingSet=${app.capabilities.map((name) => `CAP_${name}`).join(" ")}`,
    `NoNewPrivileges=${app.noNewPrivileges ? "yes" : "no"}`,
    "DevicePolicy=closed",
    "DeviceAllow=char-pts rw",
    "DeviceAllow=/dev/net/tun rw",
    ...devices.map((path) => `DeviceAllow=${path} rw`),
  ];
  if (app.seccomp === "default") {
    lines.push(
      `SystemCallFilter=${allowedSyscalls(app).join(" ")}`,
      "SystemCallErrorNumber=EPERM",
      "SystemCallArchitectures=native x86 x86-64 arm arm64",
    );
  }
  return lines.join("\n");
}

/** Capabilities beyond nspawn's own set that the pod's systemd needs so that it can hand them to an app. */
export function extraCapabilities(apps: readonly ResolvedApp[]): string[] {
  const wanted = new Set(apps.flatMap(({ app }) => app.capabilities));
  return CAPABILITY_NAMES.filter((name) => wanted.has(name));
}

// systemd gives services variables of its own; only what image and user asked for should be there.
function unsetNames(env: readonly string[]): string[] {
  const own = new Set(env.map((entry) => entry.slice(0, entry.indexOf("="))));
  return [
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID",
    "LANG",
    "USER",
    "LOGNAME",
    "SHELL",
    "NOTIFY_SOCKET",
    "MAINPID",
    "MANAGERPID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "container_uuid",
    "TERM",
  ].filter((name) => !own.has(name)); // prettier-ignore
}

function killSignal(text: string): string {
  const name = text.toUpperCase().replace(/^SIG/, "");
  if (/^[1-9]\d?$/.test(name)) return name;
  return /^[A-Z0-9+]{2,10}$/.test(name) ? `SIG${name}` : "SIGTERM";
}

// systemd looks numbers up before it uses them; entries in the pod's own files make every number resolvable.
function renderPasswd(apps: readonly ResolvedApp[]): string {
  const uids = new Map(apps.map(({ credentials: c }) => [c.uid, c] as const));
  uids.delete(0);
  const lines = [...uids].map(([uid, c]) => `u${uid}:x:${uid}:${c.gid}::/:/bin/sh`);
  return `${["root:x:0:0:root:/:/bin/sh", ...lines].join("\n")}\n`;
}

function renderGroup(apps: readonly ResolvedApp[]): string {
  const gids = new Set(apps.flatMap(({ credentials: c }) => [c.gid, ...c.groups]));
  gids.delete(0);
  return `${["root:x:0:", ...[...gids].map((gid) => `g${gid}:x:${gid}:`)].join("\n")}\n`;
}
