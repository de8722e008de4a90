import type { Acceptance } from "../decision.ts";
import type { TrustErrorCode } from "../errors.ts";

/** What one requirement came to. */
export interface RequirementOutcome {
  readonly type: string;
  readonly isMet: boolean;
  /** Who satisfied it; empty for `insecureAcceptAnything`. */
  readonly by: readonly Acceptance[];
  readonly validUntilMs?: number;
  readonly code: TrustErrorCode;
  /** What was found, for people. */
  readonly reason: string;
}

/** What `policy.json` says about an image. */
export type ContainersOutcome =
  /** Nothing is demanded: it vouches for nothing either. */
  | { readonly kind: "open"; readonly place: string; readonly requirements: readonly RequirementOutcome[] }
  | {
      readonly kind: "vouched";
      readonly place: string;
      readonly requirements: readonly RequirementOutcome[];
      readonly by: readonly Acceptance[];
      readonly validUntilMs?: number;
    }
  | {
      readonly kind: "refused";
      readonly place: string;
      readonly requirements: readonly RequirementOutcome[];
      readonly code: TrustErrorCode;
      readonly reason: string;
      /** A `reject`: no option lifts it. */
      readonly isReject: boolean;
    };
