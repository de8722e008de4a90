import { type TpmPlace, tctiOf } from "../../audit/anchor/find-tpm.ts";
import { AK_HANDLE } from "../../audit/anchor/nv-policy.ts";
import { AuditError } from "../../audit/errors.ts";
import { SysError } from "../../sys/errors.ts";
import type { Files, ProgramResult } from "../../sys/host.ts";
import type { EngineContext } from "../context.ts";

/** tpm2-tools on one TPM, with a scratch directory for their files that goes with this object. */
export class TpmTools implements Disposable {
  readonly #ctx: EngineContext;
  readonly #place: TpmPlace;
  readonly #dirRel: string;
  readonly dir: Files;

  constructor(ctx: EngineContext, place: TpmPlace) {
    this.#ctx = ctx;
    this.#place = place;
    this.#dirRel = ctx.root.createTempDir();
    this.dir = ctx.root.sub(this.#dirRel);
  }

  /**
   * Runs one tool in the scratch directory.
   * @throws {AuditError} "audit/tpm-refused" when it fails; {SysError} "sys/program-missing"
   */
  async run(tool: string, ...args: readonly string[]): Promise<string> {
    const result = await this.attempt(tool, ...args);
    if (result.exitCode === 0) return result.stdout;
    const reason =
      result.stderr.split("\n").findLast((line) => line.includes("ERROR")) ?? `exit code ${result.exitCode}`;
    throw new AuditError("audit/tpm-refused", `Cannot use TPM "${this.#place.path}" (${tool}): ${reason.trim()}`, {
      hint: /auth/i.test(result.stderr) ? "give the owner's password with --owner-auth-file" : "see: gantry doctor",
    });
  }

  /** Like `run`, but a failure is a result. */
  async attempt(tool: string, ...args: readonly string[]): Promise<ProgramResult> {
    try {
      return await this.#ctx.programs.run({
        argv: [tool, ...args, "-T", tctiOf(this.#place)],
        env: { PATH: this.#ctx.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
        cwd: this.dir.root,
        timeoutMs: 120_000,
      });
    } catch (reason) {
      if (!(reason instanceof SysError) || reason.code !== "sys/program-missing") throw reason;
      throw new SysError("sys/program-missing", `Cannot use TPM "${this.#place.path}": ${tool} is not installed`, {
        hint: "install it: apt-get install tpm2-tools",
        cause: reason,
      });
    }
  }

  /** Without a resource manager, keys stay loaded after the tool that loaded them, and there is room for three. */
  async flush(): Promise<void> {
    await this.attempt("tpm2_flushcontext", "-t");
  }

  [Symbol.dispose](): void {
    this.#ctx.root.remove(this.#dirRel);
  }
}

/** The handle as the tools take it. */
export const AK_CONTEXT = `0x${AK_HANDLE.toString(16)}`;

/**
 * Makes the attestation key when there is none: a restricted signing key that never leaves the TPM, and is another one
 * after the TPM was cleared.
 */
export async function ensureAttestationKey(tools: TpmTools, ownerAuth: string): Promise<void> {
  if ((await tools.attempt("tpm2_readpublic", "-c", AK_CONTEXT)).exitCode === 0) return;
  const auth = ownerAuth === "" ? [] : ["-P", `file:owner.auth`];
  if (ownerAuth !== "") tools.dir.writePlain("owner.auth", ownerAuth, 0o600);
  const attributes = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda";
  const template = ["-C", "o", "-g", "sha256", "-G", "ecc256:ecdsa-sha256:null", "-a", attributes, "-c", "ak.ctx"];
  await tools.run("tpm2_createprimary", ...template, ...auth);
  await tools.run("tpm2_evictcontrol", "-C", "o", "-c", "ak.ctx", AK_CONTEXT, ...auth);
  await tools.flush();
}

/** What identifies the TPM itself. */
export interface EndorsementKey {
  /** PEM. */
  readonly publicKey: string;
  /** DER, as the manufacturer wrote it into the TPM. */
  readonly certificate?: Uint8Array;
}

const MAX_CERTIFICATE_BYTES = 8192;
const EK_CERTIFICATES = [
  { algorithm: "rsa", index: "0x1c00002" },
  { algorithm: "ecc", index: "0x1c0000a" },
];

/** The endorsement key: of the kind the manufacturer certified, when there is a certificate. */
export async function readEndorsementKey(tools: TpmTools): Promise<EndorsementKey> {
  for (const { algorithm, index } of EK_CERTIFICATES) {
    if ((await tools.attempt("tpm2_nvread", "-C", "o", index, "-o", "ek.crt")).exitCode !== 0) continue;
    const certificate = tools.dir.readBytes("ek.crt", MAX_CERTIFICATE_BYTES);
    return { publicKey: await createEk(tools, algorithm), certificate };
  }
  return { publicKey: await createEk(tools, "ecc") };
}

async function createEk(tools: TpmTools, algorithm: string): Promise<string> {
  await tools.run("tpm2_createek", "-c", "ek.ctx", "-G", algorithm, "-u", "ek.pub");
  await tools.flush();
  await tools.run("tpm2_readpublic", "-c", "ek.ctx", "-f", "pem", "-o", "ek.pem");
  await tools.flush();
  return tools.dir.readText("ek.pem");
}
