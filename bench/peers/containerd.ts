import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab.ts";
import { call } from "../programs.ts";

/** containerd with a root of its own, and one container under its shim. */
export interface Containerd extends AsyncDisposable {
  /** Name of the running container. */
  readonly container: string;
}

/** Starts containerd, and in it the lab's image with `argv`. */
export async function runUnderContainerd(lab: Lab, argv: readonly string[]): Promise<Containerd> {
  const dir = join(lab.world.dir, "containerd");
  mkdirSync(dir);
  const address = join(dir, "sock");
  const config = join(dir, "config.toml");
  const disabled = '["io.containerd.grpc.v1.cri"]';
  writeFileSync(
    config,
    `version = 2\nroot = "${dir}/root"\nstate = "${dir}/state"\ndisabled_plugins = ${disabled}\n[grpc]\n  address = "${address}"\n`,
  );
  const daemon = Bun.spawn(["containerd", "--config", config, "--log-level=error"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const ctr = (args: readonly string[]): string => call(["ctr", "--address", address, ...args]);
  for (let tries = 0; ; tries++) {
    try {
      ctr(["version"]);
      break;
    } catch (reason) {
      if (tries === 100 || daemon.exitCode !== null) throw reason;
      await Bun.sleep(100);
    }
  }
  const container = "bench-of-gantry";
  ctr(["images", "import", "--base-name", "bench.test/app", lab.archive]);
  const [image = ""] = ctr(["images", "list", "--quiet"]).split("\n");
  ctr(["run", "--detach", "--null-io", image, container, ...argv]);
  return {
    container,
    async [Symbol.asyncDispose]() {
      ctr(["tasks", "kill", "--signal=SIGKILL", container]);
      for (let tries = 0; tries < 100 && !ctr(["tasks", "list"]).includes("STOPPED"); tries++) await Bun.sleep(50);
      ctr(["tasks", "delete", container]);
      ctr(["containers", "delete", container]);
      daemon.kill();
      await daemon.exited;
    },
  };
}
