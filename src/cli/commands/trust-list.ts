import { defineCommand } from "../command.ts";
import { formatTime } from "../format-values.ts";

/** `trust list`: every key known, and for what. */
export const trustList = defineCommand({
  args: {},
  flags: { prefix: { type: "string", placeholder: "NAME", help: "Only keys for this prefix" } },
  examples: ["trust list", "trust list --json"],

  async run({ flags, engine, out, signal }) {
    const calls = await engine();
    const keys = (await calls.listKeys({ signal })).filter((key) => {
      return flags.prefix === undefined || (key.scope.kind === "prefix" && key.scope.prefix === flags.prefix);
    });
    out.result(keys, (some) => {
      const rows = some.map((key) => [
        key.scope.kind === "root" ? "(every image)" : key.scope.prefix,
        key.fingerprint,
        key.reason === undefined ? key.state : `${key.state}: ${key.reason}`,
        formatTime(key.expiresAt),
        key.userIds[0] ?? "-",
      ]);
      return out.table(["PREFIX", "FINGERPRINT", "STATE", "EXPIRES", "USER"], rows);
    });
    return undefined;
  },
});
