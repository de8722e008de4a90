import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

/** `trust revoke`: refuses a key from now on, also for images fetched before. */
export const trustRevoke = defineCommand({
  args: { fingerprint: { help: "Fingerprint, of a known key or not", optional: true } },
  flags: {
    certificate: {
      type: "string",
      placeholder: "FILE",
      help: "Revocation certificate of the key's owner, verified against the trusted key",
    },
    reason: {
      type: "string",
      placeholder: "TEXT",
      help: "Why; shown in every refusal (default: what the certificate says)",
    },
  },
  examples: ["trust revoke 1A2B… --reason 'laptop stolen'", "trust revoke --certificate ./release-key.rev"],

  async run({ args, flags, engine, out, signal }) {
    const { certificate, reason } = flags;
    if (args.fingerprint === undefined && certificate === undefined)
      throw usageError("Cannot tell which key to revoke", "pass its fingerprint, or --certificate=FILE, or both");
    const calls = await engine();
    const input = {
      ...(args.fingerprint === undefined ? {} : { fingerprint: args.fingerprint }),
      ...(certificate === undefined ? {} : { certificate }),
      ...(reason === undefined ? {} : { reason }),
    };
    out.result(await calls.revokeKey(input, { signal }), (key) => `Revoked ${key.fingerprint}: ${key.reason}`);
    return undefined;
  },
});
