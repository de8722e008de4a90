import { UNSETTLED_DIR } from "../store/store-paths.ts";
import { SysError } from "../sys/errors.ts";
import type { EngineContext } from "./context.ts";

/** Outlives the command that starts it, and needs nothing of it: two programs every host has. */
const SCRIPT = 'exec < /dev/null > /dev/null 2>&1; sync -f "$1" && shift && rm -f -- "$@"';

/**
 * Has the disk take what imports left to the kernel, without anybody waiting for it. Where that does not work the notes
 * stay, for the next command. `olderThanMs`: leave alone what is still on its way by itself.
 * @throws {StoreError} "store/corrupt"
 */
export async function settleInBackground(
  ctx: EngineContext,
  { olderThanMs }: { readonly olderThanMs: number },
): Promise<void> {
  const notes = ctx.images.listSettleable(olderThanMs).map((path) => ctx.root.path(path));
  if (notes.length === 0) return;
  try {
    await ctx.programs.run({
      argv: ["setsid", "--fork", "sh", "-c", SCRIPT, "sh", ctx.root.path(UNSETTLED_DIR), ...notes],
    });
  } catch (reason) {
    if (!(reason instanceof SysError)) throw reason;
  }
}
