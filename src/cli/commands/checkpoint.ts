import { defineCommand } from "../command.ts";

const ARGS = { pod: { help: "UUID, its beginning, or name" } } as const;

/** `checkpoint`: halts a pod and keeps what it was doing. */
export const checkpoint = defineCommand({
  args: ARGS,
  flags: {
    "tcp-established": { type: "boolean", help: "Keep open TCP connections, to take them up again when restored" },
    "file-locks": { type: "boolean", help: "Keep locks that apps have on files" },
  },
  examples: ["checkpoint web", "checkpoint --tcp-established web"],
  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const input = { pod: args.pod, tcpEstablished: flags["tcp-established"], fileLocks: flags["file-locks"] };
    out.result(await calls.checkpointPod(input, { signal }), ({ uuid }) => uuid);
    return undefined;
  },
});

/** `restore`: lets a checkpointed pod go on. */
export const restore = defineCommand({
  args: ARGS,
  flags: { keep: { type: "boolean", help: "Leave the checkpoint and criu's logs in the pod directory" } },
  examples: ["restore web"],
  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.restorePod({ pod: args.pod, keep: flags.keep }, { signal }), ({ uuid }) => uuid);
    return undefined;
  },
});
