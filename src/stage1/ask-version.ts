import type { Stage1Host } from "../pod/stage1-contract.ts";
import { SysError } from "../sys/errors.ts";

const TIMEOUT_MS = 10_000;

/** What a program prints about its version; undefined when it is not installed or does not answer. */
export async function askVersion(
  { programs, env }: Stage1Host,
  argv: readonly [string, ...string[]],
  options: { readonly signal?: AbortSignal } = {},
): Promise<string | undefined> {
  try {
    const own = { PATH: `${env["PATH"] ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin`, LC_ALL: "C" };
    const { exitCode, stdout } = await programs.run({ argv, env: own, timeoutMs: TIMEOUT_MS }, options);
    return exitCode === 0 ? stdout : undefined;
  } catch (reason) {
    if (reason instanceof SysError && (reason.code === "sys/program-missing" || reason.code === "sys/timeout"))
      return undefined;
    throw reason;
  }
}
