import type { TrustScope } from "../../engine/engine-calls.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

/** `trust remove`: forgets a key, for one scope or everywhere. */
export const trustRemove = defineCommand({
  args: { fingerprint: { help: "Fingerprint as trust list shows it" } },
  flags: {
    prefix: { type: "string", placeholder: "NAME", help: "Only for this prefix" },
    root: { type: "boolean", help: "Only where it counts for every image" },
  },
  examples: ["trust remove 1A2B…", "trust remove --prefix example.com/app 1A2B…"],

  async run({ args, flags, engine, out, signal }) {
    if (flags.prefix !== undefined && flags.root)
      throw usageError("Cannot remove from two scopes at once", "use one of --prefix and --root, or neither");
    const scope: TrustScope | undefined = flags.root
      ? { kind: "root" }
      : flags.prefix === undefined
        ? undefined
        : { kind: "prefix", prefix: flags.prefix };
    const fingerprint = args.fingerprint.replace(/\s/g, "").toLowerCase();
    const calls = await engine();
    const removed = await calls.removeKey(scope === undefined ? { fingerprint } : { fingerprint, scope }, { signal });
    out.result(removed, (keys) => {
      return keys
        .map((key) => `Removed ${key.fingerprint} for ${key.scope.kind === "root" ? "every image" : key.scope.prefix}`)
        .join("\n");
    });
    return undefined;
  },
});
