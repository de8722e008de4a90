import { defineCommand } from "../command.ts";

/** `stage1 build`: makes and signs the image a regime starts pods from, out of this host's own programs. */
export const stage1Build = defineCommand({
  args: { regime: { help: "Regime (default systemd)", optional: true } },
  flags: {},
  examples: ["stage1 build systemd"],

  async run({ args, engine, out, signal }) {
    const calls = await engine();
    const built = await calls.buildStage1({ regime: args.regime ?? "systemd" }, { signal });
    out.result(built, (one) => `Built ${one.regime} ${one.digest ?? ""}`.trimEnd());
    return undefined;
  },
});
