import { defineCommand } from "../command.ts";

/** `trust revoke`: refuses a key from now on, also for images fetched before. */
export const trustRevoke = defineCommand({
  args: { fingerprint: { help: "Fingerprint, of a known key or not" } },
  flags: {
    reason: {
      type: "string",
      placeholder: "TEXT",
      help: "Why; shown in every refusal (default: revoked by the administrator)",
    },
  },
  examples: ["trust revoke 1A2B… --reason 'laptop stolen'"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const fingerprint = args.fingerprint.replace(/\s/g, "").toLowerCase();
    const reason = flags.reason ?? "revoked by the administrator";
    out.result(await calls.revokeKey({ fingerprint, reason }, { signal }), (key) => `Revoked ${key.fingerprint}`);
    return undefined;
  },
});
