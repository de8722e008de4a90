import type { Files } from "../sys/host.ts";
import type { PodApp } from "./manifest.ts";
import type { AppName } from "./names.ts";
import type { Credentials } from "./user-database.ts";

/** An app after its root file system was looked at: everything a unit needs, nothing left to look up. */
export interface ResolvedApp {
  readonly app: PodApp;
  readonly credentials: Credentials;
  /** Absolute program path inside the app, then its arguments. */
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** Programs that run before the app and after it, resolved like `argv`. */
  readonly preStart?: readonly string[];
  readonly postStop?: readonly string[];
  readonly stdin: "null" | "fifo" | "tty";
}

/** What later commands need to know of a started app. */
export type StartedApp = Pick<ResolvedApp, "credentials" | "argv" | "env">;

/** Keeps what `exec` needs, in the pod directory that only root enters. */
export function writeResolvedApp(pod: Files, { app, ...started }: ResolvedApp): void {
  writeStartedApp(pod, app.name, started);
}

/** The same for an app that is not at hand. */
export function writeStartedApp(pod: Files, app: string, { credentials, argv, env }: StartedApp): void {
  pod.writePlain(resolvedPath(app), JSON.stringify({ credentials, argv, env }), 0o600);
}

/** What `writeResolvedApp` kept. @throws {SysError} "sys/not-found" for an app that never started */
export function readResolvedApp(pod: Files, app: AppName): StartedApp {
  return JSON.parse(pod.readText(resolvedPath(app))) as StartedApp;
}

function resolvedPath(app: string): string {
  return `apps/${app}/resolved.json`;
}
