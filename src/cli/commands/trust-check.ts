import { defineCommand } from "../command.ts";

/** `trust check`: would this image start today, and why. Exits 4 when not. */
export const trustCheck = defineCommand({
  args: { image: { help: "Name, reference or digest" } },
  flags: {},
  examples: ["trust check example.com/app:1.2"],

  async run({ args, engine, out, signal }) {
    const calls = await engine();
    const verdict = await calls.checkTrust({ image: args.image }, { signal });
    out.result(verdict, (one) => {
      const head = `${one.accepted ? "accepted" : "refused"}  ${one.image}${one.digest === undefined ? "" : ` ${one.digest}`}`;
      return [head, ...one.reasons.map((reason) => `  ${reason}`)].join("\n");
    });
    return verdict.accepted ? 0 : 4;
  },
});
