import { mergeEnv } from "../../pod/environment.ts";
import { readResolvedApp } from "../../pod/resolved-app.ts";
import type { EnterInput, HelperInput } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { Stage1Error } from "../errors.ts";
import { SESSION_PROTOCOL } from "./session-spec.ts";

/** Runs a program in an app of a guest; it is confined there as the app is. Returns its exit code. */
export async function enterGuest(pod: Files, input: EnterInput): Promise<number> {
  const { runSession } = await import("./run-session.ts");
  const { app } = input;
  const resolved = readResolvedApp(pod, app.name);
  return await runSession(pod, {
    protocol: SESSION_PROTOCOL,
    argv: input.argv,
    env: mergeEnv(resolved.env, input.tty ? ["TERM=xterm"] : [], input.env),
    ...(input.user === undefined ? {} : { user: input.user }),
    workingDir: input.workingDir,
    tty: input.tty,
    interactive: input.interactive,
    app: app.name,
    own: resolved.credentials,
    capabilities: app.capabilities,
    noNewPrivileges: app.noNewPrivileges,
    seccomp: app.seccomp,
  });
}

/** The guest's half of that, started there by its control script: `session NUMBER`. */
export async function helpInGuest({ argv }: HelperInput): Promise<number> {
  const [what, number = ""] = argv;
  if (what === "session" && /^\d{1,2}$/.test(number)) {
    const { serveSession } = await import("./serve-session.ts");
    return await serveSession(number);
  }
  throw new Stage1Error("stage1/enter-failed", "Cannot do this: the command is for internal use", {
    hint: "use gantry exec",
  });
}
