import type { PodApp, PodManifest } from "../../pod/manifest.ts";
import type { ResolvedApp } from "../../pod/resolved-app.ts";
import type { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import type { ContainerOptions } from "./container-options.ts";

/** One app on its way: everything that its files are made from. */
export interface AppLaunch {
  readonly app: PodApp;
  readonly resolved: ResolvedApp;
  readonly cgroup: PodCgroup;
  readonly options: ContainerOptions;
}

/** Unique on this host: some runtimes keep containers of all roots under one name space. */
export function containerId({ manifest }: { readonly manifest: PodManifest }, app: string): string {
  return `${manifest.uuid}-${app}`;
}
