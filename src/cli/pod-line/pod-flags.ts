import type { FlagSpecs } from "../flag-spec.ts";
import { LIMIT_FLAGS } from "./parse-limits.ts";
import { APP_OPTION_FLAGS, POD_OPTION_FLAGS } from "./run-option-flags.ts";

const BOOL = ["true", "false"] as const;

/** Flags of one image, as `run` and `prepare` know them. */
export const APP_FLAGS = {
  "app-name": {
    type: "string",
    perApp: true,
    placeholder: "NAME",
    help: "Name of the app in its pod (default: from the image)",
  },
  exec: {
    type: "string",
    perApp: true,
    aliases: ["entrypoint"],
    placeholder: "PATH",
    help: "Program to run in place of the image's",
  },
  environment: {
    type: "strings",
    perApp: true,
    short: "e",
    aliases: ["env", "set-env"],
    placeholder: "NAME=VALUE",
    help: "Environment variable; NAME alone takes over the caller's value",
  },
  "env-file": {
    type: "strings",
    perApp: true,
    aliases: ["set-env-file"],
    placeholder: "FILE",
    help: "Lines NAME=VALUE; # and ; begin comments",
  },
  user: {
    type: "string",
    perApp: true,
    short: "u",
    placeholder: "USER[:GROUP]",
    help: "User name, numeric id, or path in the image whose owner is meant",
  },
  group: { type: "string", perApp: true, placeholder: "GROUP", help: "Group name or numeric id" },
  "supplementary-gids": { type: "strings", perApp: true, placeholder: "GID,…", help: "More group ids" },
  "working-dir": {
    type: "string",
    perApp: true,
    short: "w",
    aliases: ["workdir"],
    placeholder: "DIR",
    help: "Directory the program starts in",
  },
  mount: {
    type: "strings",
    perApp: true,
    placeholder: "volume=NAME,target=PATH",
    help: "Where the app sees a volume; also type=bind,source=…,target=…[,readOnly] and type=tmpfs,target=…",
  },
  "readonly-rootfs": {
    type: "string",
    perApp: true,
    aliases: ["read-only"],
    choices: BOOL,
    bare: "true",
    help: "Make the image's files read-only",
  },
  "cap-add": {
    type: "strings",
    perApp: true,
    placeholder: "CAP,…",
    help: "Capabilities on top of the default set; ALL for all",
  },
  "cap-drop": {
    type: "strings",
    perApp: true,
    aliases: ["caps-remove"],
    placeholder: "CAP,…",
    help: "Capabilities to take away; ALL for all",
  },
  "caps-retain": {
    type: "strings",
    perApp: true,
    placeholder: "CAP,…",
    help: "Exactly these capabilities: --cap-drop=ALL --cap-add=…",
  },
  "no-new-privileges": {
    type: "string",
    perApp: true,
    choices: BOOL,
    bare: "true",
    help: "Keep setuid programs from gaining privileges (default true)",
  },
  ...LIMIT_FLAGS,
  seccomp: { type: "string", perApp: true, choices: ["default", "unconfined"], help: "System call filter" },
  ...APP_OPTION_FLAGS,
} as const satisfies FlagSpecs;

/** Flags of the whole pod, as `run` and `prepare` know them. `volume` has a form that belongs to an image too. */
export const POD_FLAGS = {
  name: { type: "string", placeholder: "NAME", help: "Unique name of the pod" },
  hostname: { type: "string", placeholder: "NAME", help: "Host name inside (default: the pod's name)" },
  label: { type: "strings", short: "l", placeholder: "KEY=VALUE", help: "Label of the pod" },
  volume: {
    type: "strings",
    short: "v",
    placeholder: "SRC:DST[:ro,idmap,…]",
    help: "Host directory in the image before it; or NAME,kind=host,source=/DIR[,readOnly=true] or NAME,kind=empty for --mount",
  },
  net: {
    type: "strings",
    aliases: ["network"],
    placeholder: "NAME[:K=V;…],…",
    help: "Networks: none, host, default, or names from the configuration",
  },
  port: {
    type: "strings",
    short: "p",
    aliases: ["publish"],
    placeholder: "[IP:]HOST:POD[/PROTO]",
    help: "Lead host ports into the pod; ranges as 8000-8003:80-83",
  },
  dns: { type: "strings", placeholder: "IP", help: "Name server; host for the host's resolv.conf, none for none" },
  "dns-search": { type: "strings", placeholder: "DOMAIN", help: "Search domain" },
  "dns-opt": { type: "strings", aliases: ["dns-option"], placeholder: "OPTION", help: "Resolver option" },
  "hosts-entry": { type: "strings", placeholder: "IP=HOST", help: "Line of /etc/hosts; host for the host's own file" },
  "pod-manifest": {
    type: "string",
    placeholder: "FILE",
    help: "Run what an appc pod manifest says, in place of images and their flags; its images are in the store",
  },
  stage1: { type: "string", placeholder: "REGIME", help: "Isolation regime (default systemd)" },
  platform: { type: "string", placeholder: "OS/ARCH", help: "Platform to choose from images for several" },
  "pull-policy": {
    type: "string",
    aliases: ["pull"],
    choices: ["new", "update", "never", "missing", "newer", "always"],
    help: "When to ask the source: only for new images, for updates too, or never",
  },
  rm: { type: "boolean", help: "Remove the pod, with its logs and its own volumes, once it has ended" },
  "uuid-file-save": { type: "string", placeholder: "FILE", help: "Write the pod's UUID here before anything starts" },
  ...POD_OPTION_FLAGS,
} as const satisfies FlagSpecs;
