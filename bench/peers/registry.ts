import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab.ts";

/** Debian's docker-registry on loopback, over plain http. */
export interface PeerRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
}

const CONFIG = (dir: string): string => `version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: ${dir}}}
http: {addr: "127.0.0.1:0"}
`;

/** Starts the registry in a process of its own, on a free port, and waits until it answers. */
export async function startPeerRegistry(lab: Lab): Promise<PeerRegistry> {
  const dir = join(lab.world.dir, "registry");
  mkdirSync(dir, { recursive: true });
  const port = freePort();
  const config = join(lab.world.dir, "registry.yml");
  writeFileSync(config, CONFIG(dir).replace(":0", `:${port}`));
  const child = Bun.spawn(["docker-registry", "serve", config], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const host = `127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    try {
      await fetch(`http://${host}/v2/`);
      break;
    } catch (reason) {
      if (tries === 100 || child.exitCode !== null) throw reason;
      await Bun.sleep(100);
    }
  }
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

function freePort(): number {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  return server.port;
}
