import { EngineError } from "../base/errors.ts";

/** Closed set of what can go wrong between us and the place an image comes from. */
export type TransportErrorCode =
  | "transport/not-found"
  | "transport/unauthorized"
  | "transport/rate-limited"
  | "transport/unavailable"
  | "transport/bad-answer"
  | "transport/unsupported"
  | "transport/bad-archive"
  | "transport/bad-credentials"
  | "transport/bad-lookaside";

/** A registry, layout or archive that did not give what was asked for. `data.retryAfterMs` is the peer's own wish. */
export class TransportError extends EngineError<TransportErrorCode> {}
