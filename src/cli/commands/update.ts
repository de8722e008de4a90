import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { LIMIT_FLAGS, parseLimits } from "../pod-line/parse-limits.ts";

/** `update`: other limits for a running app. */
export const update = defineCommand({
  args: { pod: { help: "UUID, its beginning, or name" } },
  flags: {
    app: { type: "string", short: "a", placeholder: "NAME", help: "Which app; needed when there are several" },
    ...LIMIT_FLAGS,
  },
  details: "Holds until the app ends; the pod's manifest stays as it was.",
  examples: ["update --memory=1g web", "update --app=db --cpus=0.5 --pids-limit=100 pod1"],

  async run({ args, flags, engine, out, signal }) {
    const limits = parseLimits({ memory: flags.memory, cpus: flags.cpus, pids: flags["pids-limit"] });
    if (limits === undefined)
      throw usageError("Cannot update a pod: no limit given", "use --memory, --cpus or --pids-limit");
    const calls = await engine();
    const app = flags.app === undefined ? {} : { app: flags.app };
    out.result(await calls.updatePod({ pod: args.pod, limits, ...app }, { signal }), (done) => done.pod);
    return undefined;
  },
});
