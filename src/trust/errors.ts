import { EngineError } from "../base/errors.ts";

/** Closed set of reasons why something is not trusted, or a trust file cannot be used. */
export type TrustErrorCode =
  | "trust/unsigned"
  | "trust/unknown-key"
  | "trust/bad-signature"
  | "trust/wrong-prefix"
  | "trust/wrong-identity"
  | "trust/key-expired"
  | "trust/key-revoked"
  | "trust/weak-key"
  | "trust/rejected-by-policy"
  | "trust/bad-policy"
  | "trust/bad-key"
  | "trust/bad-scope"
  | "trust/no-record"
  | "trust/needs-confirmation"
  | "trust/not-found"
  | "trust/cannot-sign";

/** A refusal, or a key, policy or record that cannot be used. Refusals always carry a hint. */
export class TrustError extends EngineError<TrustErrorCode> {}
