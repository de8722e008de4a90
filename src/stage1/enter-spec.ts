/** What the second half of `exec` needs: handed over in the environment of the re-executed program, which only root can read. */
export interface EnterSpec {
  readonly pid: number;
  /** Start time of that process, against reuse of its number. */
  readonly startTicks: number;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** `user[:group]`; undefined: the app's own. */
  readonly user?: string;
  readonly workingDir: string;
  readonly tty: boolean;
  readonly interactive: boolean;
  readonly app: string;
  readonly own: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly seccomp: "default" | "unconfined";
}

/** Environment variable that carries the spec as JSON. */
export const ENTER_SPEC_VARIABLE = "GANTRY_ENTER_SPEC";
