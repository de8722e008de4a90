import type { AciApp } from "../image/aci/app.ts";
import type { Isolator, IsolatorSetting } from "../image/aci/isolators.ts";
import type { ImageConfig } from "../image/image-config.ts";
import { planSyscalls } from "./appc-syscalls.ts";
import { CAPABILITY_NAMES, DEFAULT_CAPABILITIES } from "./capabilities.ts";
import type { AppLimits } from "./limits.ts";
import type { SyscallChange } from "./seccomp-profile.ts";

/** What became of an isolator an image or pod manifest asked for. Spec: appc 0.8.11, ace.md "Isolators". */
export interface IsolatorOutcome {
  readonly name: string;
  readonly outcome: "enforced" | "modified" | "ignored";
  /** What is different from what was asked for. */
  readonly detail?: string;
}

/** What an appc app section means for an app of a pod. */
export interface AppcPlan {
  /** Instead of the default set. */
  readonly capabilities?: readonly string[];
  readonly allowsNewPrivileges: boolean;
  /** What the command line says wins over it. */
  readonly limits?: AppLimits;
  readonly syscalls?: SyscallChange;
  readonly unconfined?: boolean;
  readonly oomScoreAdj?: number;
  readonly isolators: readonly IsolatorOutcome[];
}

/** Whose app section it is: an image may only ask for less than the defaults, the user may ask for anything. */
export type AppcAuthor = "image" | "user";

/**
 * Reads the isolators of an app section. What a regime has a counterpart for is enforced, everything else is told.
 * Pure; nothing an image says can widen what its app may do.
 */
export function planAppc(app: AciApp, author: AppcAuthor): AppcPlan {
  let plan: AppcPlan = { allowsNewPrivileges: false, isolators: [] };
  for (const isolator of app.isolators) {
    const { outcome, ...change } = planIsolator(isolator, { plan, author });
    plan = { ...plan, ...change, isolators: [...plan.isolators, { name: isolator.name, ...outcome }] };
  }
  return plan;
}

/** The config of an image with its app section replaced by another. */
export function configWithApp(config: ImageConfig, app: AciApp): ImageConfig {
  return {
    ...config,
    entrypoint: app.exec,
    cmd: [],
    env: app.environment.map(({ name, value }) => `${name}=${value}`),
    user: `${app.user}:${app.group}`,
    workingDir: app.workingDirectory === "" ? "/" : app.workingDirectory,
  };
}

interface IsolatorChange {
  readonly outcome: Omit<IsolatorOutcome, "name">;
  readonly capabilities?: readonly string[];
  readonly allowsNewPrivileges?: boolean;
  readonly limits?: AppLimits;
  readonly syscalls?: SyscallChange;
  readonly unconfined?: boolean;
  readonly oomScoreAdj?: number;
}

interface PlanState {
  readonly plan: AppcPlan;
  readonly author: AppcAuthor;
}

const ENFORCED = { outcome: "enforced" } as const;

function planIsolator({ setting }: Isolator, state: PlanState): IsolatorChange {
  switch (setting.kind) {
    case "capabilities":
      return planCapabilitySet(setting, state);
    case "no-new-privileges":
      if (setting.value) return { outcome: ENFORCED };
      if (state.author === "user") return { outcome: ENFORCED, allowsNewPrivileges: true };
      return { outcome: modified("setuid programs gain nothing unless --no-new-privileges=false is given") };
    case "resource":
      return planLimit(setting, state);
    case "seccomp":
      return planFilter(setting, state);
    case "oom-score-adj":
      // Less than 0 would have others killed first: nothing an app may ask for.
      if (setting.value >= 0) return { outcome: ENFORCED, oomScoreAdj: setting.value };
      return { outcome: modified("no app is spared before others: it has 0"), oomScoreAdj: 0 };
    case "unknown":
      return { outcome: ignored("nobody here knows it") };
    default:
      return { outcome: ignored("this engine has no counterpart for it") };
  }
}

function planFilter(
  setting: Extract<IsolatorSetting, { readonly kind: "seccomp" }>,
  { author }: PlanState,
): IsolatorChange {
  const { change, unconfined, differences, ignored: isIgnored } = planSyscalls(setting, author);
  const detail = differences.join("; ");
  return {
    outcome: isIgnored === true ? ignored(detail) : differences.length > 0 ? modified(detail) : ENFORCED,
    ...(change === undefined ? {} : { syscalls: change }),
    ...(unconfined === undefined ? {} : { unconfined }),
  };
}

function planLimit(
  { resource, request, limit }: Extract<IsolatorSetting, { readonly kind: "resource" }>,
  { plan }: PlanState,
): IsolatorChange {
  if (resource !== "memory" && resource !== "cpu") return { outcome: ignored("this engine has no counterpart for it") };
  const amount = resource === "memory" ? Number(((limit ?? 0n) + 999n) / 1000n) : Number(limit ?? 0n);
  if (amount === 0 || !Number.isSafeInteger(amount))
    return { outcome: ignored("only limits are kept, and it has none") };
  const own = resource === "memory" ? { memoryBytes: amount } : { cpuMillis: amount };
  const outcome = request === undefined || request === limit ? ENFORCED : modified("what it requests is not reserved");
  return { outcome, limits: { ...plan.limits, ...own } };
}

function planCapabilitySet(
  { mode, set }: Extract<IsolatorSetting, { readonly kind: "capabilities" }>,
  { plan, author }: PlanState,
): IsolatorChange {
  const names = set.map((name) => name.replace(/^CAP_/, ""));
  const before = plan.capabilities ?? DEFAULT_CAPABILITIES;
  if (mode === "remove") return { outcome: ENFORCED, capabilities: before.filter((name) => !names.includes(name)) };
  const known = names.filter((name) => CAPABILITY_NAMES.some((one) => one === name));
  // Several sets are one after another: each retains, none brings back.
  const kept =
    author === "user" && plan.capabilities === undefined ? known : known.filter((name) => before.includes(name));
  const missing = names.filter((name) => !kept.includes(name));
  if (missing.length === 0) return { outcome: ENFORCED, capabilities: kept };
  const how = author === "image" ? `; --cap-add=${missing.join(",")} gives them` : "";
  return {
    outcome: modified(`without ${missing.map((name) => `CAP_${name}`).join(", ")}${how}`),
    capabilities: kept,
  };
}

function modified(detail: string): IsolatorChange["outcome"] {
  return { outcome: "modified", detail };
}

function ignored(detail: string): IsolatorChange["outcome"] {
  return { outcome: "ignored", detail };
}
