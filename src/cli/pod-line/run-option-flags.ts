import type { FlagSpecs } from "../flag-spec.ts";

/** Flags of one image that some regimes refuse. */
export const APP_OPTION_FLAGS = {
  ulimit: {
    type: "strings",
    perApp: true,
    placeholder: "NAME=SOFT[:HARD]",
    help: "Resource limit as in setrlimit(2), such as nofile=1024:4096; -1 for none, host for the host's",
  },
  device: {
    type: "strings",
    perApp: true,
    placeholder: "PATH[:PATH[:rwm]]",
    help: "Device of the host, or a directory of them, and its name inside; or a CDI name, vendor.com/class=name",
  },
  "security-opt": {
    type: "strings",
    perApp: true,
    placeholder: "OPTION",
    help: "seccomp=FILE|unconfined, label=disable|type:T|level:L…, apparmor=PROFILE, mask=PATH:…, unmask=ALL|PATH:…, no-new-privileges",
  },
} as const satisfies FlagSpecs;

/** Flags of the whole pod that some regimes refuse. */
export const POD_OPTION_FLAGS = {
  userns: {
    type: "string",
    placeholder: "host|auto[:size=N,…]",
    help: "User namespace: the host's (default), or one with ids of the pod's own; also auto:uidmapping=CONTAINER:HOST:SIZE,gidmapping=…",
  },
  uidmap: {
    type: "strings",
    placeholder: "CONTAINER:HOST:SIZE",
    help: "User namespace with exactly these user ids; of the group ids too where --gidmap says nothing",
  },
  gidmap: { type: "strings", placeholder: "CONTAINER:HOST:SIZE", help: "The same for group ids" },
  pid: {
    type: "string",
    choices: ["private", "pod", "host"],
    help: "Processes the apps see: their own, the pod's (with an init that reaps), the host's",
  },
  ipc: {
    type: "string",
    choices: ["private", "pod", "host"],
    help: "Shared memory and queues: each app its own, the pod's (default), the host's",
  },
  "shm-size": { type: "string", placeholder: "SIZE", help: "Size of /dev/shm (default 64m)" },
  sysctl: { type: "strings", placeholder: "NAME=VALUE", help: "Kernel parameter of the pod's own namespaces" },
  runtime: { type: "string", placeholder: "NAME", help: "OCI runtime to use in place of the fastest: crun or runc" },
  tpm: { type: "boolean", help: "A TPM of the pod's own, in software, and a measured boot into it (stage1 kvm)" },
  "cdi-spec-dir": {
    type: "strings",
    placeholder: "DIR",
    help: "Where CDI specifications are (default /etc/cdi and /var/run/cdi)",
  },
  "hooks-dir": {
    type: "strings",
    placeholder: "DIR",
    help: "Where OCI hooks are (default /usr/share/containers/oci/hooks.d and /etc/containers/oci/hooks.d)",
  },
} as const satisfies FlagSpecs;
