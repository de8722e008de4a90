import { EngineError } from "../base/errors.ts";

/** Closed set of network failures. `network/plugin-failed` carries the plugin's own `cniCode`, `cniMsg` and `details` in `data`. */
export type NetworkErrorCode =
  | "network/bad-config"
  | "network/unknown-network"
  | "network/plugin-missing"
  | "network/plugin-failed"
  | "network/bad-result"
  | "network/bad-record"
  | "network/port-taken"
  | "network/no-port-mapping"
  | "network/address-exhausted"
  | "network/bad-args"
  | "network/bad-dns";

/** A network that cannot be read, joined, left or checked. */
export class NetworkError extends EngineError<NetworkErrorCode> {}
