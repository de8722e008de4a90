import type { PodIdmap } from "../../pod/pod-idmap.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { bindMount } from "../../sys/linux/mounts.ts";
import type { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { Stage1Error } from "../errors.ts";
import { createContainer } from "./conmon.ts";
import { nullPath } from "./null-device.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { runtimeArgv, startContainer } from "./runtime-calls.ts";
import { renderRuntimeScript } from "./scripts.ts";
import { planIdMappings, planUser, type SpecInput } from "./spec.ts";

/** Directory name of the init among the apps; no app can have it. */
export const INIT_APP = ".init";

const PLACES = ["usr/libexec/podman/catatonit", "usr/libexec/catatonit/catatonit", "usr/bin/catatonit"];

/** What an init is made from. */
export interface InitInput {
  readonly runtime: OciRuntime;
  readonly conmon: string;
  readonly namespaces: SpecInput["namespaces"];
  /** Of the pod's supervisors: what only serves the pod counts to no app. */
  readonly cgroup: PodCgroup;
  readonly cgroupsPath: string | undefined;
  readonly idmap: PodIdmap | undefined;
}

/**
 * Starts process 1 of a process namespace that the apps of a pod share: it does nothing but reap, in a container without
 * rights, files or network of its own. It ends with the last app. @throws {Stage1Error} "stage1/missing-tool"
 */
export async function startPodInit(input: LaunchInput, init: InitInput): Promise<void> {
  const { pod, manifest, host } = input;
  const found = PLACES.find((path) => host.host.statFollowing(path) !== undefined);
  if (found === undefined) {
    throw new Stage1Error("stage1/missing-tool", "Cannot start pod: sharing processes needs an init, catatonit", {
      hint: "install it: apt-get install catatonit",
    });
  }
  const base = `apps/${INIT_APP}`;
  for (const dir of ["dev", "proc"]) pod.ensureDir(`${base}/rootfs/${dir}`, 0o755);
  pod.ensureDir(`logs/${INIT_APP}`, 0o700);
  const joins = init.runtime.cgroups === "own" ? init.cgroup.joinFiles : [];
  const rootfs = init.idmap?.bind(pod.path(`${base}/rootfs`), `roots/${INIT_APP}`) ?? pod.path(`${base}/rootfs`);
  const spec = planInitSpec({
    rootfs,
    program: `/${found}`,
    ...init,
    ...(manifest.userns === undefined ? {} : { idMappings: manifest.userns }),
  });
  pod.ensureDir(`${base}/bundle`, 0o700);
  pod.writePlain(
    `${base}/runtime`,
    renderRuntimeScript(runtimeArgv(pod, init.runtime), { joinFiles: joins, null: nullPath(pod), criu: undefined }),
    0o700,
  );
  pod.writePlain(`${base}/on-exit`, "#!/bin/sh\n", 0o700);
  const id = `${manifest.uuid}-${INIT_APP}`;
  using container = createContainer({
    conmon: init.conmon,
    pod,
    app: INIT_APP,
    id,
    lockFd: input.lockFd,
    cgroup: init.cgroup,
    stdio: undefined,
    stdin: false,
  });
  container.begin(JSON.stringify(spec, undefined, 1));
  const pid = await container.pid();
  await startContainer(input, { runtime: init.runtime, app: INIT_APP, id });
  pod.writePlain(`${base}/pid-namespace`, "", 0o400);
  bindMount({ source: `/proc/${pid}/ns/pid`, target: pod.path(`${base}/pid-namespace`) });
}

/** Shell command that ends the init and with it everything in its namespace. */
export const END_INIT = `[ -r 'apps/${INIT_APP}/pid' ] && read -r init < 'apps/${INIT_APP}/pid'; [ -z "$init" ] || kill -9 "$init"`;

function planInitSpec({
  rootfs,
  program,
  namespaces,
  cgroupsPath,
  idMappings,
}: InitInput & Pick<SpecInput, "idMappings"> & { readonly rootfs: string; readonly program: string }): object {
  const none = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["/catatonit", "-P"],
      env: [],
      cwd: "/",
      capabilities: none,
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev", "ro"] },
      { destination: "/catatonit", type: "bind", source: program, options: ["bind", "ro", "nosuid", "nodev"] },
    ],
    linux: {
      ...(cgroupsPath === undefined ? {} : { cgroupsPath }),
      ...planIdMappings(idMappings),
      namespaces: [
        ...planUser(namespaces),
        { type: "mount" },
        { type: "pid" },
        { type: "cgroup" },
        { type: "ipc" },
        { type: "uts" },
        ...(namespaces.network === undefined ? [] : [{ type: "network", path: namespaces.network }]),
      ],
    },
  };
}
