import { createPublicKey } from "node:crypto";
import { SysError } from "../../sys/errors.ts";
import type { EngineContext } from "../context.ts";

const MAX_BLOB_BYTES = 4096;

/**
 * TPM2_MakeCredential in software: closes a secret so that only a TPM opens it which has this endorsement key and,
 * beside it, an attestation key of this name.
 * @throws {SysError} "sys/program-missing", "sys/program-failed"
 */
export async function makeCredential(
  ctx: EngineContext,
  input: { readonly ekPem: string; readonly akName: string; readonly secret: string },
): Promise<Uint8Array> {
  const rel = ctx.root.createTempDir();
  const dir = ctx.root.sub(rel);
  try {
    dir.writePlain("ek.pem", input.ekPem);
    dir.writePlain("secret", Buffer.from(input.secret, "hex"), 0o600);
    const algorithm = createPublicKey(input.ekPem).asymmetricKeyType === "rsa" ? "rsa" : "ecc";
    const key = ["-T", "none", "-G", algorithm, "-u", "ek.pem"];
    const result = await ctx.programs.run({
      argv: ["tpm2_makecredential", ...key, "-s", "secret", "-n", input.akName, "-o", "credential"],
      env: { PATH: ctx.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
      cwd: dir.root,
      timeoutMs: 30_000,
    });
    if (result.exitCode === 0) return dir.readBytes("credential", MAX_BLOB_BYTES);
    throw new SysError("sys/program-failed", "Cannot challenge the node: tpm2_makecredential failed", {
      hint: "see whether the node's endorsement key is one: 2048 bits of RSA, or P-256",
      data: { stderr: result.stderr.slice(0, 500) },
    });
  } catch (reason) {
    if (!(reason instanceof SysError) || reason.code !== "sys/program-missing") throw reason;
    throw new SysError("sys/program-missing", "Cannot challenge the node: tpm2_makecredential is not installed", {
      hint: "install it: apt-get install tpm2-tools",
      cause: reason,
    });
  } finally {
    ctx.root.remove(rel);
  }
}
