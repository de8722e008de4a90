import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "./world.ts";

/** A signing key made by GnuPG in the world's GNUPGHOME, without a passphrase. */
export interface GpgKey {
  /** 40 hexadecimal digits in lower case, as Gantry writes them. */
  readonly fingerprint: string;
  /** Armored public key. */
  readonly publicFile: string;
  /** Armored secret key. */
  readonly secretFile: string;
  /** Writes the armored detached signature `FILE.asc` and returns its path. */
  sign(file: string): Promise<string>;
}

/** Makes a key; GnuPG's agent ends with the world. `userId` must be new in this world. */
export async function createGpgKey(world: World, userId = "Story <story@example.com>"): Promise<GpgKey> {
  await gpg(world, ["--passphrase", "", "--quick-generate-key", userId, "ed25519", "sign", "never"]);
  const listed = await gpg(world, ["--with-colons", "--list-keys", `=${userId}`]);
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1]?.toLowerCase() ?? "";
  const publicFile = join(world.dir, `${fingerprint}.pub.asc`);
  const secretFile = join(world.dir, `${fingerprint}.key.asc`);
  writeFileSync(publicFile, await gpg(world, ["--armor", "--export", fingerprint]));
  writeFileSync(secretFile, await gpg(world, ["--armor", "--export-secret-keys", fingerprint]), { mode: 0o600 });
  world.use({ [Symbol.dispose]: () => void Bun.spawnSync(["gpgconf", "--homedir", world.gnupgHome, "--kill", "all"]) });
  return {
    fingerprint,
    publicFile,
    secretFile,
    sign: async (file) => {
      await gpg(world, ["--local-user", fingerprint, "--armor", "--detach-sign", "--output", `${file}.asc`, file]);
      return `${file}.asc`;
    },
  };
}

async function gpg(world: World, args: readonly string[]): Promise<string> {
  const argv = ["gpg", "--homedir", world.gnupgHome, "--batch", "--quiet", "--pinentry-mode", "loopback", ...args];
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`gpg ${args.join(" ")} failed: ${stderr}`);
  return stdout;
}
