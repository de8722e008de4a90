import type { Clock } from "../base/clock.ts";
import { type ContainersHost, openContainersPolicy } from "./containers/open-containers-policy.ts";
import type { OpenedContainersPolicy } from "./containers/opened-policy.ts";
import { hashPolicies } from "./hash-policies.ts";
import { type Keyring, openKeyring } from "./keyring.ts";
import type { TrustLayer } from "./layers.ts";
import { openPolicy } from "./open-policy.ts";
import type { Policy } from "./policy.ts";

/** Where trust is configured: Gantry's own layers (lowest first), and the files of the containers tools. */
export interface TrustConfig {
  readonly layers: readonly TrustLayer[];
  readonly containers?: ContainersHost;
}

/** Today's trust: keys, policies and time. */
export interface Trust {
  readonly keyring: Keyring;
  readonly policy: Policy;
  /** Undefined: no `policy.json` is in force. */
  readonly containers: OpenedContainersPolicy | undefined;
  /** Changes whenever any policy file, Gantry's own or the containers tools', does. */
  readonly policyHash: string;
  readonly clock: Clock;
}

/** Reads everything that decides. @throws {TrustError} "trust/bad-key", "trust/bad-policy" */
export function openTrust(config: TrustConfig, clock: Clock): Trust {
  return {
    keyring: openKeyring(config.layers),
    policy: openPolicy(config.layers),
    containers: config.containers === undefined ? undefined : openContainersPolicy(config.containers),
    policyHash: hashPolicies(config),
    clock,
  };
}
