import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

/** `checkpoint`: halts a pod and keeps what it was doing. */
export const checkpoint = defineCommand({
  args: { pod: { help: "UUID, its beginning, or name" } },
  flags: {
    export: {
      type: "string",
      short: "e",
      placeholder: "FILE",
      help: "Write all of it to a file, too, for another host or time",
    },
    "leave-running": { type: "boolean", help: "Let the pod go on afterwards; with --export" },
    "tcp-established": { type: "boolean", help: "Keep open TCP connections, to take them up again when restored" },
    "file-locks": { type: "boolean", help: "Keep locks that apps have on files" },
  },
  examples: ["checkpoint web", "checkpoint --export web.tar --leave-running web", "checkpoint --tcp-established web"],
  async run({ args, flags, engine, out, signal }) {
    if (flags["leave-running"] && flags.export === undefined) {
      throw usageError(
        "Cannot leave the pod running: what was written would no longer belong to its files",
        "write it to a file: gantry checkpoint --leave-running --export FILE POD",
      );
    }
    const calls = await engine();
    const input = {
      pod: args.pod,
      tcpEstablished: flags["tcp-established"],
      fileLocks: flags["file-locks"],
      leaveRunning: flags["leave-running"],
      ...(flags.export === undefined ? {} : { output: flags.export }),
    };
    out.result(await calls.checkpointPod(input, { signal }), ({ uuid }) => uuid);
    return undefined;
  },
});

/** `restore`: lets a checkpointed pod go on. */
export const restore = defineCommand({
  args: { pod: { help: "UUID, its beginning, or name", optional: true } },
  flags: {
    import: {
      type: "string",
      short: "i",
      placeholder: "FILE",
      help: "Make a new pod of what checkpoint --export wrote",
    },
    name: { type: "string", short: "n", placeholder: "NAME", help: "Unique name for the new pod" },
    keep: { type: "boolean", short: "k", help: "Leave the checkpoint and criu's logs in the pod directory" },
  },
  examples: ["restore web", "restore --import web.tar --name web2"],
  async run({ args, flags, engine, out, signal }) {
    const { keep, name } = flags;
    if ((args.pod === undefined) === (flags.import === undefined)) {
      throw usageError("Cannot tell what to restore", "give either a POD or --import FILE");
    }
    if (name !== undefined && flags.import === undefined) {
      throw usageError("Cannot rename a pod that is restored", "leave out --name, or use it with --import");
    }
    const calls = await engine();
    const restored =
      flags.import === undefined
        ? await calls.restorePod({ pod: args.pod ?? "", keep }, { signal })
        : await calls.importPod({ file: flags.import, keep, ...(name === undefined ? {} : { name }) }, { signal });
    out.result(restored, ({ uuid }) => uuid);
    return undefined;
  },
});
