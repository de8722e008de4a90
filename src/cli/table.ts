import type { CommandEntry } from "./command.ts";

/** `trust …` */
const TRUST: readonly CommandEntry[] = [
  {
    name: "add",
    summary: "Trust a public key for images under a name, or for all",
    load: async () => (await import("./commands/trust-add.ts")).trustAdd,
  },
  {
    name: "list",
    summary: "List trusted keys",
    aliases: ["ls"],
    load: async () => (await import("./commands/trust-list.ts")).trustList,
  },
  {
    name: "remove",
    summary: "Stop trusting a key",
    aliases: ["rm"],
    load: async () => (await import("./commands/trust-remove.ts")).trustRemove,
  },
  {
    name: "revoke",
    summary: "Refuse a key from now on",
    load: async () => (await import("./commands/trust-revoke.ts")).trustRevoke,
  },
  {
    name: "check",
    summary: "Say whether an image would be accepted, and why",
    load: async () => (await import("./commands/trust-check.ts")).trustCheck,
  },
  {
    name: "explain",
    summary: "Show which rule decides about an image, and why",
    load: async () => (await import("./commands/trust-explain.ts")).trustExplain,
  },
];

/** `image …` */
const IMAGE: readonly CommandEntry[] = [
  {
    name: "list",
    summary: "List stored images",
    aliases: ["ls"],
    load: async () => (await import("./commands/image-list.ts")).imageList,
  },
  {
    name: "rm",
    summary: "Remove images",
    aliases: ["remove"],
    load: async () => (await import("./commands/image-rm.ts")).imageRm,
  },
  {
    name: "build",
    summary: "Build an image from files, without a daemon",
    load: async () => (await import("./commands/image-build.ts")).imageBuild,
  },
  {
    name: "index",
    summary: "Put images for several platforms under one name",
    load: async () => (await import("./commands/image-index.ts")).imageIndex,
  },
  {
    name: "export",
    summary: "Write images into an archive or layout",
    load: async () => (await import("./commands/image-export.ts")).imageExport,
  },
  {
    name: "convert",
    summary: "Write an image in another format",
    load: async () => (await import("./commands/image-convert.ts")).imageConvert,
  },
  {
    name: "inspect",
    summary: "Show what an image says of itself",
    load: async () => (await import("./commands/image-inspect.ts")).imageInspect,
  },
  {
    name: "extract",
    summary: "Copy files out of an image",
    load: async () => (await import("./commands/image-extract.ts")).imageExtract,
  },
  {
    name: "render",
    summary: "Write an image's whole file system into a directory",
    load: async () => (await import("./commands/image-render.ts")).imageRender,
  },
  {
    name: "verify",
    summary: "Read every byte of images again, and repair what is damaged",
    load: async () => (await import("./commands/image-verify.ts")).imageVerify,
  },
  {
    name: "pin",
    summary: "Keep images, whatever is collected",
    load: async () => (await import("./commands/image-pin.ts")).imagePin,
  },
  {
    name: "unpin",
    summary: "Let images go again",
    load: async () => (await import("./commands/image-pin.ts")).imageUnpin,
  },
  {
    name: "gc",
    summary: "Remove images and layers nothing uses",
    load: async () => (await import("./commands/image-gc.ts")).imageGc,
  },
];

/** Every verb, in the order help shows them. Literal imports, so that the compiled binary holds them all and loads one. */
export const TABLE: readonly CommandEntry[] = [
  {
    name: "run",
    summary: "Fetch, verify and run images as one pod",
    load: async () => (await import("./commands/run.ts")).run,
  },
  {
    name: "prepare",
    summary: "Do everything of run but the start",
    load: async () => (await import("./commands/prepare.ts")).prepare,
  },
  {
    name: "run-prepared",
    summary: "Start a prepared pod",
    load: async () => (await import("./commands/run-prepared.ts")).runPrepared,
  },
  {
    name: "list",
    summary: "List pods",
    aliases: ["ps", "ls"],
    load: async () => (await import("./commands/list.ts")).list,
  },
  {
    name: "status",
    summary: "Show one pod, or wait for it",
    load: async () => (await import("./commands/status.ts")).status,
  },
  {
    name: "logs",
    summary: "Show what the apps of a pod wrote",
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    name: "exec",
    summary: "Run a program inside a running app",
    aliases: ["enter"],
    load: async () => (await import("./commands/exec.ts")).exec,
  },
  {
    name: "attach",
    summary: "Join this terminal to a running app",
    load: async () => (await import("./commands/attach.ts")).attach,
  },
  {
    name: "stats",
    summary: "Show what running pods use",
    load: async () => (await import("./commands/stats.ts")).stats,
  },
  {
    name: "update",
    summary: "Change the limits of a running app",
    load: async () => (await import("./commands/update.ts")).update,
  },
  {
    name: "pause",
    summary: "Halt pods where they are",
    load: async () => (await import("./commands/pause.ts")).pause,
  },
  {
    name: "resume",
    summary: "Let paused pods go on",
    aliases: ["unpause"],
    load: async () => (await import("./commands/pause.ts")).resume,
  },
  {
    name: "checkpoint",
    summary: "Halt a pod and keep what it was doing",
    load: async () => (await import("./commands/checkpoint.ts")).checkpoint,
  },
  {
    name: "restore",
    summary: "Let a checkpointed pod go on",
    load: async () => (await import("./commands/checkpoint.ts")).restore,
  },
  { name: "stop", summary: "Stop pods", load: async () => (await import("./commands/stop.ts")).stop },
  { name: "rm", summary: "Remove pods", load: async () => (await import("./commands/rm.ts")).rm },
  { name: "gc", summary: "Clean up after exited pods", load: async () => (await import("./commands/gc.ts")).gc },
  {
    name: "cat-manifest",
    summary: "Print the manifest of a pod",
    load: async () => (await import("./commands/cat-manifest.ts")).catManifest,
  },
  {
    name: "fetch",
    summary: "Fetch and verify images",
    aliases: ["pull"],
    load: async () => (await import("./commands/fetch.ts")).fetch,
  },
  {
    name: "push",
    summary: "Copy an image to a registry, layout or archive",
    load: async () => (await import("./commands/push.ts")).push,
  },
  { name: "sign", summary: "Sign an image", load: async () => (await import("./commands/sign.ts")).sign },
  {
    name: "discover",
    summary: "Show where an image name leads",
    load: async () => (await import("./commands/discover.ts")).discover,
  },
  { name: "image", summary: "Manage stored images", subcommands: IMAGE },
  { name: "trust", summary: "Manage the keys images are verified with", subcommands: TRUST },
  {
    name: "net",
    summary: "Look at networks",
    subcommands: [
      {
        name: "list",
        summary: "List networks",
        aliases: ["ls"],
        load: async () => (await import("./commands/net-list.ts")).netList,
      },
      {
        name: "check",
        summary: "Check networks and attachments",
        load: async () => (await import("./commands/net-check.ts")).netCheck,
      },
    ],
  },
  {
    name: "stage1",
    summary: "Manage isolation regimes",
    subcommands: [
      {
        name: "list",
        summary: "List regimes",
        aliases: ["ls"],
        load: async () => (await import("./commands/stage1-list.ts")).stage1List,
      },
      {
        name: "build",
        summary: "Build the image a regime starts pods from",
        load: async () => (await import("./commands/stage1-build.ts")).stage1Build,
      },
    ],
  },
  {
    name: "audit",
    summary: "Look at the record of events",
    subcommands: [
      { name: "log", summary: "List events", load: async () => (await import("./commands/audit-log.ts")).auditLog },
      {
        name: "init",
        summary: "Make the log's key, and its anchor in the TPM",
        load: async () => (await import("./commands/audit-init.ts")).auditInit,
      },
      {
        name: "check",
        summary: "Check that nothing was changed, and name what was",
        load: async () => (await import("./commands/audit-check.ts")).auditCheck,
      },
      {
        name: "prove",
        summary: "Prove one event without the others",
        load: async () => (await import("./commands/audit-prove.ts")).auditProve,
      },
      {
        name: "verify-proof",
        summary: "Check such a proof, on any machine",
        load: async () => (await import("./commands/audit-verify-proof.ts")).auditVerifyProof,
      },
      {
        name: "export",
        summary: "Print all events for other programs",
        load: async () => (await import("./commands/audit-export.ts")).auditExport,
      },
      {
        name: "quote",
        summary: "Let the TPM sign the log's head",
        load: async () => (await import("./commands/audit-quote.ts")).auditQuote,
      },
      {
        name: "archive",
        summary: "Move the oldest events to a directory that still checks",
        load: async () => (await import("./commands/audit-archive.ts")).auditArchive,
      },
      {
        name: "witness",
        summary: "Get a witness's cosignature",
        load: async () => (await import("./commands/audit-witness.ts")).auditWitness,
      },
      {
        name: "serve",
        summary: "Serve the log to auditors over HTTP",
        load: async () => (await import("./commands/audit-serve.ts")).auditServe,
      },
    ],
  },
  {
    name: "attest",
    summary: "Prove to others what runs here, and check it of a fleet",
    subcommands: [
      {
        name: "agent",
        summary: "Answer this host's verifiers: quotes and the log",
        load: async () => (await import("./commands/attest-agent.ts")).attestAgent,
      },
      {
        name: "serve",
        summary: "Watch a fleet: quotes, logs, policy, alerts",
        load: async () => (await import("./commands/attest-serve.ts")).attestServe,
      },
      {
        name: "enroll",
        summary: "Bind a node's name to its TPM",
        load: async () => (await import("./commands/attest-enroll.ts")).attestEnroll,
      },
      {
        name: "list",
        summary: "List the nodes and how they stand",
        aliases: ["ls"],
        load: async () => (await import("./commands/attest-list.ts")).attestList,
      },
      {
        name: "remove",
        summary: "Ask a node no more",
        aliases: ["rm"],
        load: async () => (await import("./commands/attest-remove.ts")).attestRemove,
      },
      {
        name: "where",
        summary: "Say where an image ever ran",
        load: async () => (await import("./commands/attest-where.ts")).attestWhere,
      },
      {
        name: "acknowledge",
        summary: "Accept what a policy found",
        load: async () => (await import("./commands/attest-acknowledge.ts")).attestAcknowledge,
      },
    ],
  },
  {
    name: "config",
    summary: "Print the configuration in effect",
    load: async () => (await import("./commands/config.ts")).config,
  },
  {
    name: "doctor",
    summary: "Check what this host can do",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  { name: "version", summary: "Print the version", load: async () => (await import("./commands/version.ts")).version },
  { name: "help", summary: "Show help", load: async () => (await import("./commands/help.ts")).help },
  {
    name: "completion",
    summary: "Print a completion script for a shell",
    load: async () => (await import("./commands/completion.ts")).completion,
  },
  {
    name: "__unpack",
    summary: "Unpack one layer",
    hidden: true,
    load: async () => (await import("./commands/hidden.ts")).unpack,
  },
  {
    name: "__collect",
    summary: "Remove a pod that has ended",
    hidden: true,
    load: async () => (await import("./commands/hidden.ts")).collect,
  },
  {
    name: "__stage1",
    summary: "Work of a regime",
    hidden: true,
    load: async () => (await import("./commands/hidden.ts")).stage1Helper,
  },
];
