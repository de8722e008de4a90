import { defineCommand } from "../command.ts";

/** `discover`: where a name leads, step by step; downloads no image. */
export const discover = defineCommand({
  args: { name: { help: "Image name, as example.com/app:1.2" } },
  flags: {},
  examples: ["discover example.com/app:1.2"],

  async run({ args, engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.discover({ name: args.name }, { signal }), (found) => {
      const steps = found.steps.map((step) => `step      ${step.url}: ${step.outcome}`);
      const places = found.endpoints.map((place) => `${place.kind.padEnd(9)} ${place.image}`);
      return [...steps, ...places, ...found.pubkeys.map((url) => `pubkeys   ${url}`)].join("\n");
    });
    return undefined;
  },
});
