import type { Sighting } from "../attest/fleet/where-ran.ts";
import type { NodeProblem } from "../attest/problems.ts";

/** Certificate and key for serving HTTPS: PEM texts. */
export interface TlsPem {
  readonly cert: string;
  readonly key: string;
}

/** Input of `attest agent`. */
export interface AttestAgentInput {
  /** `ADDRESS:PORT`. */
  readonly listen: string;
  readonly tls?: TlsPem;
  /** What verifiers must know; absent: anybody who can connect may ask. */
  readonly token?: string;
  /** How often the TPM may be asked. */
  readonly requestsPerMinute: number;
  onListening(url: string): void;
}

/** Input of `attest enroll`. */
export interface EnrollInput {
  readonly name: string;
  readonly url: string;
  readonly token?: string;
  /** PEM text of the authorities that must have certified the endorsement key. */
  readonly ekAuthorities?: string;
  /** Fingerprint that the endorsement key must have: SHA-256 in hexadecimal. */
  readonly ekFingerprint?: string;
  /** A node of this name with other keys gives way; its log is kept as evidence. */
  readonly replace: boolean;
}

/** JSON shape of `attest enroll`. */
export interface EnrolledNode {
  readonly name: string;
  readonly url: string;
  readonly vkey: string;
  readonly akName: string;
  readonly ekFingerprint: string;
  /** Who certified the endorsement key; "first use": nobody. */
  readonly ekTrust: string;
  readonly nvName: string;
  /** Records pulled and verified. */
  readonly size: number;
  readonly change: "enrolled" | "replaced" | "unchanged";
}

/** JSON shape of a row of `attest list`. */
export interface NodeSummary {
  readonly name: string;
  readonly url: string;
  readonly state: "new" | "ok" | "failing";
  readonly since: string;
  readonly problems: readonly NodeProblem[];
  /** Records verified and kept. */
  readonly size: number;
  readonly polledAt?: string;
  readonly okAt?: string;
  readonly enrolledAt: string;
  readonly ekFingerprint: string;
  readonly ekTrust: string;
  readonly vkey: string;
}

/** Input of `attest acknowledge`. */
export interface AcknowledgeInput {
  readonly name: string;
  /** Last record looked at; default: all that are kept. */
  readonly through?: number;
  readonly reason: string;
}

/** Where messages about changed verdicts go. */
export interface WebhookTarget {
  readonly url: string;
  readonly secret?: string;
}

/** Input of `attest serve`. */
export interface AttestServeInput {
  /** `ADDRESS:PORT`. */
  readonly listen: string;
  readonly intervalMs: number;
  /** For one look at one node, from beginning to end. */
  readonly timeoutMs: number;
  /** Looks in a row that must miss a node before it is failing. */
  readonly patience: number;
  readonly policy?: { readonly path: string; readonly text: string };
  readonly webhook?: WebhookTarget;
  readonly token?: string;
  onListening(url: string): void;
}

interface Options {
  readonly signal: AbortSignal;
}

/** Attestation's part of the engine. */
export interface AttestCalls {
  attestAgent(input: AttestAgentInput, options: Options): Promise<void>;
  serveFleet(input: AttestServeInput, options: Options): Promise<void>;
  enrollNode(input: EnrollInput, options: Options): Promise<EnrolledNode>;
  listNodes(): Promise<readonly NodeSummary[]>;
  removeNode(input: { readonly name: string }): Promise<void>;
  whereRan(input: { readonly digest: string }): Promise<readonly Sighting[]>;
  acknowledgeFindings(input: AcknowledgeInput): Promise<{ readonly acknowledged: number }>;
}
