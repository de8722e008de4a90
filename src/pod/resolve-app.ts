import { pread } from "../sys/linux/fs-calls.ts";
import { RootedDir } from "../sys/linux/rooted-dir.ts";
import type { IdMappings } from "../sys/linux/user-namespace.ts";
import { DEFAULT_PATH, envValue, mergeEnv } from "./environment.ts";
import { PodError } from "./errors.ts";
import { EXECUTABLE_HEAD_BYTES, parseExecutableFormat } from "./executable-format.ts";
import { podIdOf } from "./id-mappings.ts";
import type { PodApp } from "./manifest.ts";
import type { ResolvedApp } from "./resolved-app.ts";
import { type Credentials, resolveUser } from "./user-database.ts";

/** The little of a mounted root file system that resolving needs; paths are as the app sees them and never lead outside. */
export interface AppRoot {
  /** Facts of a path after following links inside the root; undefined when missing. */
  stat(path: string): { readonly mode: number; readonly uid: number; readonly gid: number } | undefined;
  /** Up to `limitBytes` of the beginning of a file; undefined when missing. */
  readHead(path: string, limitBytes: number): Uint8Array | undefined;
}

/** The root file system of an app, mounted at `path` on this host; owners as the app sees them. */
export function openAppRoot(path: string, maps?: IdMappings): AppRoot {
  return {
    stat: (inside) => {
      using root = RootedDir.open(path);
      const stat = root.stat(inside);
      if (stat === undefined || maps === undefined) return stat;
      const uid = podIdOf(maps.uidMappings, stat.uid);
      return { mode: stat.mode, uid, gid: podIdOf(maps.gidMappings, stat.gid) };
    },
    readHead: (inside, limitBytes) => {
      using root = RootedDir.open(path);
      if (root.stat(inside) === undefined) return undefined;
      using file = root.openFile(inside);
      const buffer = new Uint8Array(limitBytes);
      return buffer.subarray(0, pread(file.fd, buffer, 0));
    },
  };
}

const MAX_DATABASE_BYTES = 1024 * 1024;
const MAX_INTERPRETERS = 4;

/** Turns an app into what its unit needs: numeric user, absolute program, complete environment. Checks what execve(2) would. */
export function resolveApp(root: AppRoot, app: PodApp, stdin: ResolvedApp["stdin"]): ResolvedApp {
  const credentials = resolveAppUser(root, app);
  const groups = [...new Set([...credentials.groups, ...app.supplementaryGids])];
  const env = appEnv(app, credentials);
  const program = findProgram(root, {
    app: app.name,
    workingDir: app.workingDir,
    program: app.argv[0] ?? "",
    path: envValue(env, "PATH") ?? DEFAULT_PATH,
  });
  assertStartable(root, { app: app.name, program });
  const handlers = resolveHandlers(root, { app, env });
  return {
    app,
    credentials: { ...credentials, groups },
    argv: [program, ...app.argv.slice(1)],
    env,
    stdin,
    ...handlers,
  };
}

function resolveHandlers(
  root: AppRoot,
  { app, env }: { readonly app: PodApp; readonly env: readonly string[] },
): Pick<ResolvedApp, "preStart" | "postStop"> {
  const path = envValue(env, "PATH") ?? DEFAULT_PATH;
  const resolve = ([program = "", ...args]: readonly string[]): readonly string[] => {
    const found = findProgram(root, { app: app.name, workingDir: app.workingDir, program, path });
    assertStartable(root, { app: app.name, program: found });
    return [found, ...args];
  };
  return {
    ...(app.preStart === undefined ? {} : { preStart: resolve(app.preStart) }),
    ...(app.postStop === undefined ? {} : { postStop: resolve(app.postStop) }),
  };
}

/**
 * Who a program of the app runs as: `user[:group]` of the image's databases, or the owner of a file of the image.
 * Spec: appc 0.8.11, aci.md "user". @throws {PodError} "pod/unknown-user"
 */
export function resolveAppUser(
  root: AppRoot,
  wanted: { readonly user: string; readonly group?: string | undefined },
): Credentials {
  const files = { passwd: readText(root, "/etc/passwd"), group: readText(root, "/etc/group") };
  const isPath = wanted.user.startsWith("/") || wanted.user.includes(":/");
  const [user = "", own] = isPath ? wanted.user.split(":", 2) : [wanted.user];
  const asked = wanted.group ?? own;
  const group = asked?.startsWith("/") === true ? String(ownerOf(root, asked).gid) : asked;
  if (!user.startsWith("/")) return resolveUser(files, { user, ...(group === undefined ? {} : { group }) });
  const owner = ownerOf(root, user);
  return resolveUser(files, { user: String(owner.uid), group: group ?? String(owner.gid) });
}

function ownerOf(root: AppRoot, path: string): { readonly uid: number; readonly gid: number } {
  const owner = root.stat(path);
  if (owner !== undefined) return owner;
  throw new PodError("pod/unknown-user", `Cannot find the owner of "${path}": the image has no such file`, {
    hint: "name a user of the image, a number, or a file of the image whose owner is meant",
  });
}

/** The environment of an app: defaults below, what image and user say above. */
export function appEnv(app: PodApp, credentials: Credentials): string[] {
  return mergeEnv(
    [`PATH=${DEFAULT_PATH}`, `HOME=${credentials.home}`, `AC_APP_NAME=${app.name}`, "container=gantry"],
    app.env,
  );
}

/**
 * Absolute path of a program as the app names it: a name without slash through PATH, a relative path from the working
 * directory. Spec: appc 0.8.11, ace.md "exec".
 * @throws {PodError} "pod/no-command", "pod/missing-executable", "pod/not-executable"
 */
export function findProgram(
  root: AppRoot,
  wanted: { readonly app: string; readonly workingDir: string; readonly program: string; readonly path: string },
): string {
  const { app, program, path } = wanted;
  if (program === "") {
    throw new PodError(
      "pod/no-command",
      `Cannot start app "${app}": neither the image nor the command line names a program`,
      {
        hint: "give one: gantry run IMAGE --exec /path/in/image -- ARGS",
      },
    );
  }
  if (program.includes("/")) {
    const absolute = program.startsWith("/") ? program : `${wanted.workingDir.replace(/\/$/, "")}/${program}`;
    assertFile(root, { app, path: absolute });
    return absolute;
  }
  for (const dir of path.split(":").filter((one) => one.startsWith("/"))) {
    const candidate = `${dir.replace(/\/$/, "")}/${program}`;
    const found = root.stat(candidate);
    if (found !== undefined && isRegular(found.mode) && (found.mode & 0o111) !== 0) return candidate;
  }
  throw new PodError("pod/missing-executable", `Cannot start app "${app}": no program "${program}" in PATH (${path})`, {
    hint: "give an absolute path with --exec, or set PATH with --env",
    data: { app, missing: program },
  });
}

function assertFile(root: AppRoot, file: { readonly app: string; readonly path: string }): void {
  const found = root.stat(file.path);
  if (found === undefined) {
    throw new PodError(
      "pod/missing-executable",
      `Cannot start app "${file.app}": the image has no file "${file.path}"`,
      {
        hint: "name a program of the image with --exec",
        data: { app: file.app, missing: file.path },
      },
    );
  }
  if (!isRegular(found.mode) || (found.mode & 0o111) === 0) {
    throw new PodError(
      "pod/not-executable",
      `Cannot start app "${file.app}": "${file.path}" is not an executable file`,
      {
        hint: "name a program of the image with --exec, or set the execute bit when building the image",
        data: { app: file.app, path: file.path },
      },
    );
  }
}

/** Follows `#!` lines and ELF interpreters as the kernel will, so that the file that is missing can be named. */
function assertStartable(root: AppRoot, wanted: { readonly app: string; readonly program: string }): void {
  let path = wanted.program;
  for (let depth = 0; depth < MAX_INTERPRETERS; depth += 1) {
    const format = parseExecutableFormat(root.readHead(path, EXECUTABLE_HEAD_BYTES) ?? new Uint8Array());
    if (format.kind === "unknown" || format.interpreter === undefined) return;
    const { interpreter } = format;
    if (root.stat(interpreter) === undefined) {
      const what = format.kind === "script" ? "interpreter" : "dynamic loader";
      throw new PodError(
        "pod/missing-interpreter",
        `Cannot start app "${wanted.app}": "${path}" needs the ${what} "${interpreter}", which the image lacks`,
        {
          hint:
            format.kind === "script"
              ? "add that interpreter to the image"
              : "add the C library to the image, or link the program statically",
          data: { app: wanted.app, path, missing: interpreter },
        },
      );
    }
    if (format.kind === "elf") return;
    path = interpreter;
  }
}

function readText(root: AppRoot, path: string): string {
  const bytes = root.readHead(path, MAX_DATABASE_BYTES);
  return bytes === undefined ? "" : new TextDecoder().decode(bytes);
}

function isRegular(mode: number): boolean {
  return (mode & 0o170000) === 0o100000;
}
