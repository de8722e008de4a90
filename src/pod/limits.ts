/** Limits of one app; what is left out is unlimited. */
export interface AppLimits {
  readonly memoryBytes?: number;
  /** CPU time in thousandths of a core. */
  readonly cpuMillis?: number;
  readonly pids?: number;
}
