import { defineCommand } from "../command.ts";

/** Largest job read from stdin, in bytes. */
const JOB_LIMIT = 16 << 20;

/** `__unpack`: one unpacking job in a process of its own, described on stdin, or by an argument and the blob on stdin. */
export const unpack = defineCommand({
  args: { job: { help: "Made by the engine", optional: true } },
  flags: {},
  examples: [],
  async run({ args, engine, host, signal }) {
    const payload = args.job ?? (await host.readStdin(JOB_LIMIT));
    return (await engine()).unpackJob({ payload }, { signal });
  },
});

/** `__stage1`: work a regime does in a process of its own. */
export const stage1Helper = defineCommand({
  args: { argument: { help: "Made by the engine", raw: true, optional: true } },
  flags: {},
  examples: [],
  passesAppCode: true,
  async run({ args, engine, signal }) {
    return (await engine()).stage1Helper({ argv: args.argument }, { signal });
  },
});

/** `__collect`: what is left to do when a pod that is to be removed has ended. */
export const collect = defineCommand({
  args: {
    pod: { help: "Made by the engine" },
    pid: { help: "Made by the engine" },
    start: { help: "Made by the engine" },
  },
  flags: {},
  examples: [],
  async run({ args, engine, signal }) {
    const launcher = { pid: Number(args.pid), startTicks: Number(args.start) };
    await (await engine()).collectPod({ pod: args.pod, launcher }, { signal });
    return undefined;
  },
});
