/** PATH of an app whose image sets none. Spec: appc 0.8.11, ace.md "PATH". */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Merges `NAME=value` lists, later lists and later entries winning, first position kept. A name without "=" is dropped:
 * execve(2) would pass it on as an entry no program can read.
 */
export function mergeEnv(...lists: readonly (readonly string[])[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of lists.flat()) {
    const at = entry.indexOf("=");
    if (at > 0) merged.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

/** Value of `name` in a merged list. */
export function envValue(env: readonly string[], name: string): string | undefined {
  return env.findLast((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}
