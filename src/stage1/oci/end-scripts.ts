import { signalNumber } from "../../pod/signals.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { type AppLaunch, containerId } from "./app-launch.ts";
import { exitFile } from "./observe.ts";
import { END_INIT } from "./pod-init.ts";
import { renderExitCommand, renderExitedScript } from "./scripts.ts";

/** Writes what runs when an app has ended. */
export function writeEndScripts(
  { pod, manifest }: Pick<LaunchInput, "pod" | "manifest">,
  { launch, launches }: { readonly launch: AppLaunch; readonly launches: readonly AppLaunch[] },
): void {
  const { app, cgroup, options } = launch;
  const base = `apps/${app.name}`;
  pod.writePlain(
    `${base}/on-exit`,
    renderExitCommand({
      exitFile: pod.path(exitFile(manifest.uuid, app.name)),
      exited: pod.path(`${base}/exited`),
      log: pod.path("supervisor.log"),
      ...(options.hooks.poststop === undefined
        ? {}
        : { remove: [pod.path(`${base}/runtime`), "delete", "--force", containerId({ manifest }, app.name)] }),
    }),
    0o700,
  );
  const others = launches.filter((other) => other !== launch);
  pod.writePlain(
    `${base}/exited`,
    renderExitedScript({
      pod: pod.root,
      app: app.name,
      others: others.map((other) => ({ app: other.app.name, signal: signalNumber(other.app.stopSignal) })),
      oomFiles: cgroup.dirs.flatMap(({ path, hierarchy }) =>
        hierarchy.controllers.includes("memory") ? [`${path}/memory.oom_control`, `${path}/memory.events`] : [],
      ),
      members: Object.fromEntries(
        others.map((other) => [other.app.name, `${other.cgroup.paths[0] ?? ""}/cgroup.procs`]),
      ),
      ...(manifest.sharing?.pid === undefined || manifest.sharing.pid === "private"
        ? {}
        : { leftovers: `${cgroup.paths[0] ?? ""}/cgroup.procs` }),
      lastly: manifest.sharing?.pid === "pod" ? END_INIT : ":",
    }),
    0o700,
  );
}
