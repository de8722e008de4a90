import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { World } from "./world.ts";

/** Debian's docker-registry on loopback, plain http. */
export interface DebianRegistry {
  /** `localhost:PORT`. */
  readonly host: string;
}

/** Starts it for a world, with a password file when `login` is given; it ends with the world. */
export async function startDebianRegistry(
  world: World,
  login?: { readonly username: string; readonly password: string },
): Promise<DebianRegistry> {
  const port = await freePort();
  const dir = join(world.dir, `registry-${port}`);
  mkdirSync(dir);
  const hash = login === undefined ? "" : await Bun.password.hash(login.password, { algorithm: "bcrypt", cost: 4 });
  if (login !== undefined) writeFileSync(join(dir, "htpasswd"), `${login.username}:${hash}\n`);
  const auth = login === undefined ? "" : `auth: {htpasswd: {realm: test, path: ${dir}/htpasswd}}\n`;
  writeFileSync(
    join(dir, "config.yml"),
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${dir}/data}, delete: {enabled: true}}\nhttp: {addr: "127.0.0.1:${port}"}\nlog: {level: error, accesslog: {disabled: true}}\n${auth}`,
  );
  const child = Bun.spawn(["docker-registry", "serve", join(dir, "config.yml")], {
    stdout: "ignore",
    stderr: "ignore",
  });
  world.use({
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  });
  const host = `localhost:${port}`;
  for (let tries = 0; tries < 400; tries++) {
    const isUp = await fetch(`http://${host}/v2/`).then(
      () => true,
      () => false, // not listening yet
    );
    if (isUp) return { host };
    await Bun.sleep(25);
  }
  throw new Error("docker-registry does not listen");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
