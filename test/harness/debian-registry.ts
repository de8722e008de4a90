import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "./world.ts";

/** Debian's `docker-registry` on loopback, plain http, ended with the world. */
export interface DebianRegistry {
  /** `localhost:PORT`. */
  readonly host: string;
}

/** Starts it on a free port and waits until it answers. */
export async function startDebianRegistry(world: World): Promise<DebianRegistry> {
  const data = join(world.dir, "debian-registry");
  mkdirSync(data);
  const port = freePort();
  const config = join(world.dir, "debian-registry.yml");
  writeFileSync(
    config,
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${data}}}\nhttp: {addr: "127.0.0.1:${port}"}\nlog: {level: error, accesslog: {disabled: true}}\n`,
  );
  const child = Bun.spawn(["docker-registry", "serve", config], { stdout: "ignore", stderr: "ignore" });
  world.use({
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await child.exited;
    },
  });
  const host = `localhost:${port}`;
  for (let tries = 0; tries < 400; tries++) {
    const isUp = await fetch(`http://${host}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    ); // not listening yet
    if (isUp) return { host };
    await Bun.sleep(25);
  }
  throw new Error("docker-registry did not start");
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port = 0 } = server;
  server.stop(true);
  return port;
}
