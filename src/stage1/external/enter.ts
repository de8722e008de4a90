import { mergeEnv } from "../../pod/environment.ts";
import type { Stage1EntryPoints } from "../../pod/manifest.ts";
import { openAppRoot } from "../../pod/resolve-app.ts";
import { readResolvedApp } from "../../pod/resolved-app.ts";
import type { EnterInput } from "../../pod/stage1-contract.ts";
import { resolveUser } from "../../pod/user-database.ts";
import type { Files } from "../../sys/host.ts";
import { Stage1Error } from "../errors.ts";
import { podCgroup } from "../pod-cgroups.ts";
import { findSupervisor } from "../supervisor.ts";
import { callEntry } from "./call-entry.ts";

const MAX_DATABASE_BYTES = 1024 * 1024;

/** `exec` by the `enter` entry of the stage1, with the user as numbers and the complete environment. */
export async function enterExternalApp(pod: Files, input: EnterInput, entries: Stage1EntryPoints): Promise<number> {
  const { app, manifest } = input;
  const supervisor = findSupervisor(pod);
  if (supervisor === undefined) {
    throw new Stage1Error("stage1/not-running", `Cannot run a program in app "${app.name}": its pod has ended`, {
      hint: `see how it ended: gantry status ${manifest.uuid}`,
    });
  }
  const own = readResolvedApp(pod, app.name);
  const root = openAppRoot(`/proc/${supervisor}/root${pod.path(`apps/${app.name}/rootfs`)}`);
  const text = (path: string) => new TextDecoder().decode(root.readHead(path, MAX_DATABASE_BYTES) ?? new Uint8Array());
  const user =
    input.user === undefined
      ? own.credentials
      : resolveUser({ passwd: text("/etc/passwd"), group: text("/etc/group") }, { user: input.user });
  const env = mergeEnv(own.env, input.tty ? ["TERM=xterm"] : [], input.env);
  const argv = [
    `--app=${app.name}`,
    `--user=${user.uid}:${user.gid}`,
    `--cwd=${input.workingDir}`,
    ...(input.tty ? ["--tty"] : []),
    ...(input.interactive ? ["--interactive"] : []),
    ...env.map((entry) => `--env=${entry}`),
    manifest.uuid,
    "--",
    ...input.argv,
  ];
  const visit = podCgroup(manifest.uuid).visit();
  try {
    return await callEntry(pod, { id: manifest.uuid, program: entries.enter, argv, interactive: input.interactive });
  } finally {
    visit.leave();
  }
}
