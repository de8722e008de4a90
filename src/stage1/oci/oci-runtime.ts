/** A program that makes containers, and how this host lets it do so. */
export interface OciRuntime {
  readonly name: string;
  readonly path: string;
  /** Flags before its verb. */
  readonly args: readonly string[];
  /**
   * `managed`: it makes the container's cgroup itself. `own`: it would refuse this host's cgroups, so it gets a view
   * without the v2 part of a hybrid tree and leaves cgroups to us.
   */
  readonly cgroups: "managed" | "own";
  /** The app runs on a kernel of the runtime's own: only the runtime can signal it, and it cannot share namespaces. */
  readonly isSandbox: boolean;
  /** What to try when this does not work. */
  readonly otherwise?: OciRuntime;
}
