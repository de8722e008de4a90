import { EngineError } from "../base/errors.ts";

/** Closed set of discovery failures. An unreachable host is no failure: it is an outcome of a step. */
export type DiscoveryErrorCode = "discovery/bad-name" | "discovery/bad-config" | "discovery/blocked";

/** A name that cannot be asked for, or settings that forbid it or make no sense. */
export class DiscoveryError extends EngineError<DiscoveryErrorCode> {}
