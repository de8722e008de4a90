import { digestOf } from "../../image/digest.ts";
import type { Stage1Host } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import type { OciRuntime } from "./oci-runtime.ts";

/** A configuration, as far as it matters here. */
interface Confined {
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: Readonly<Record<string, unknown>>;
}

const DIR = "seccomp";
/** A filter has at most 4096 instructions of 8 bytes. Spec: seccomp(2), BPF_MAXINSNS */
const MAX_BYTES = 4096 * 8;
const MAX_KEPT = 32;
/** Spec: crun(1), "run.oci.seccomp_bpf_data" */
const ANNOTATION = "run.oci.seccomp_bpf_data";

/** Name of the compiled filter of a configuration; undefined: the runtime takes none, or there is nothing to filter. */
export function compiledName(
  spec: object,
  runtime: OciRuntime,
  { host }: Pick<Stage1Host, "host">,
): string | undefined {
  const { seccomp } = (spec as Confined).linux;
  if (runtime.name !== "crun" || seccomp === undefined) return undefined;
  const stat = host.statFollowing(runtime.path.slice(1));
  const compiler = [runtime.path, stat?.sizeBytes, stat?.modifiedAtMs, host.readText("proc/sys/kernel/osrelease", 256)];
  return digestOf(JSON.stringify([compiler, seccomp])).slice("sha256:".length);
}

/**
 * Gives crun the filter it compiled itself for an earlier container: to compile it again takes about as long as everything
 * else it does. Without one the configuration stays as it is.
 */
export function withCompiled<T extends object>(
  spec: T,
  name: string | undefined,
  { cache }: Pick<Stage1Host, "cache">,
): T {
  const text = name === undefined ? undefined : readCompiled(cache, name);
  if (text === undefined) return spec;
  return { ...spec, annotations: { ...(spec as unknown as Confined).annotations, [ANNOTATION]: text } };
}

/** Keeps the filter crun compiled for a container that was just made. @param state The container's state directory in `pod`. */
export function keepCompiled(
  pod: Files,
  { state, name, cache }: { readonly state: string; readonly name: string | undefined } & Pick<Stage1Host, "cache">,
): void {
  if (name === undefined || cache.has(`${DIR}/${name}`)) return;
  const file = `${state}/seccomp.bpf`;
  const { sizeBytes } = pod.stat(file) ?? { sizeBytes: 0 };
  if (sizeBytes === 0 || sizeBytes > MAX_BYTES || sizeBytes % 8 !== 0) return; // not the crun we know
  const text = Buffer.from(pod.readBytes(file, MAX_BYTES)).toString("base64");
  const known = cache.has(DIR) ? cache.list(DIR) : [];
  if (known.length >= MAX_KEPT) for (const old of known) cache.remove(`${DIR}/${old}`);
  cache.writeAtomic(`${DIR}/${name}`, `${digestOf(text)} ${text}`, 0o600);
}

/** Whole as it was written, or nothing. */
function readCompiled(cache: Files, name: string): string | undefined {
  const file = `${DIR}/${name}`;
  if (!cache.has(file)) return undefined;
  const [digest, text = ""] = cache.readText(file, MAX_BYTES * 2).split(" ");
  return text !== "" && digestOf(text) === digest ? text : undefined;
}
