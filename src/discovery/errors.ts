import { EngineError } from "../base/errors.ts";

/** Closed set of discovery failures. An unreachable host is no failure: it is an outcome of a step. */
export type DiscoveryErrorCode = "discovery/bad-name";

/** A name that discovery cannot ask for. */
export class DiscoveryError extends EngineError<DiscoveryErrorCode> {}
