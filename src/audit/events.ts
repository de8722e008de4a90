/** An image as events name it. */
export interface EventImage {
  readonly name: string;
  readonly digest: string;
}

/** Who made Gantry act: never arguments, never environment. */
export interface EventCaller {
  readonly uid: number;
  /** Login user id of the audit subsystem; absent when unset. */
  readonly loginUid?: number;
  readonly pid: number;
  /** Name of the calling program (`comm` of the parent). */
  readonly command: string;
}

/** What happened to images, keys and configuration. */
type SupplyEvent =
  /** `image.imported`: from a file or directory of this host instead of the network. */
  | {
      readonly type: "image.fetched" | "image.imported";
      readonly image: EventImage;
      readonly from: string;
      readonly sizeBytes: number;
    }
  | {
      readonly type: "image.verified";
      readonly image: EventImage;
      readonly acceptedBy: readonly string[];
      readonly keyringHash: string;
      readonly policyHash: string;
    }
  | {
      readonly type: "image.refused";
      readonly image: { readonly name: string; readonly digest?: string };
      readonly code: string;
      readonly reason: string;
    }
  | {
      readonly type: "exception.used";
      readonly image: EventImage;
      readonly reason: string;
      /** RFC 3339. */
      readonly expires: string;
    }
  | { readonly type: "image.removed"; readonly image: EventImage }
  | { readonly type: "trust.key-added" | "trust.key-removed"; readonly fingerprint: string; readonly scope: string }
  | { readonly type: "trust.key-revoked"; readonly fingerprint: string; readonly reason: string }
  /** Files that decide (keys, policies and exceptions, networks, audit) differ from the last time one was looked at. */
  | {
      readonly type: "config.changed";
      readonly changes: readonly { readonly part: string; readonly from?: string; readonly to: string }[];
    }
  | { readonly type: "stage1.built"; readonly stage1: string; readonly stage1Digest: string }
  | { readonly type: "stage1.changed"; readonly stage1: string; readonly from: string; readonly stage1Digest: string };

/** What happened to pods. */
type PodEvent =
  | {
      readonly type: "pod.prepared";
      readonly pod: string;
      readonly manifestHash: string;
      readonly stage1?: string;
      readonly stage1Digest?: string;
      readonly apps: readonly EventApp[];
    }
  | {
      readonly type: "pod.started";
      readonly pod: string;
      readonly manifestHash: string;
      readonly stage1: string;
      /** Absent for regimes that need no image. */
      readonly stage1Digest?: string;
      readonly apps: readonly EventApp[];
    }
  | {
      readonly type: "pod.exec" | "pod.attach";
      readonly pod: string;
      readonly app: string;
      /** As the caller gave it; absent: the app's own user. */
      readonly user?: string;
      readonly argv?: readonly string[];
      readonly terminal?: string;
      readonly image?: EventImage;
    }
  | {
      readonly type: "app.added" | "app.removed" | "app.started" | "app.restarted";
      readonly pod: string;
      readonly app: string;
      readonly image?: EventImage;
      readonly occurredAt?: string;
    }
  | {
      readonly type: "app.exited";
      readonly pod: string;
      readonly app: string;
      readonly exitCode: number;
      readonly oomKilled?: boolean;
      readonly image?: EventImage;
      /** When it ended, which is before anybody looked. RFC 3339. */
      readonly occurredAt?: string;
    }
  | { readonly type: "pod.exited"; readonly pod: string; readonly exitCode: number; readonly occurredAt?: string }
  | { readonly type: "pod.stopped"; readonly pod: string; readonly forced: boolean }
  | { readonly type: "pod.paused" | "pod.resumed"; readonly pod: string }
  | {
      readonly type: "pod.checkpointed";
      readonly pod: string;
      readonly apps: readonly string[];
      readonly leaveRunning: boolean;
      /** SHA-256 of the archive it was exported to. */
      readonly exportDigest?: string;
    }
  | {
      readonly type: "pod.restored";
      readonly pod: string;
      readonly manifestHash: string;
      readonly stage1: string;
      readonly apps: readonly EventApp[];
      /** SHA-256 of the archive it came from, and what let it pass: `own`, or as for images. */
      readonly importDigest?: string;
      readonly acceptedBy?: readonly string[];
    }
  | { readonly type: "pod.updated"; readonly pod: string; readonly app: string; readonly limits: readonly string[] }
  | { readonly type: "pod.removed"; readonly pod: string }
  | {
      readonly type: "insecure.used";
      readonly options: readonly string[];
      readonly pod?: string;
      readonly image?: { readonly name: string; readonly digest?: string };
    };

/** What happened to the log itself. */
type LogEvent =
  /** First record of every boot: the tree so far, and what the log is anchored in. */
  | {
      readonly type: "audit.started";
      readonly version: number;
      readonly size: number;
      readonly root: string;
      readonly log?: string;
    }
  /** The tree head that goes into the TPM: this record's digest is what the NV index is extended with. */
  | { readonly type: "audit.anchored"; readonly size: number; readonly root: string }
  /** A new index: everything that tells it from any other, one of the same number included. */
  | { readonly type: "audit.initialised"; readonly anchor: AnchorFacts; readonly size: number; readonly root: string }
  | { readonly type: "audit.anchor-lost"; readonly code: string; readonly reason: string }
  | { readonly type: "audit.anchor-regained" }
  /** A witness has cosigned this tree head. */
  | { readonly type: "audit.checkpointed"; readonly size: number; readonly root: string; readonly witness: string }
  | {
      readonly type: "audit.checked";
      readonly size: number;
      readonly root: string;
      readonly problems: readonly string[];
    }
  | { readonly type: "audit.archived"; readonly first: number; readonly to: string }
  /** A command was killed, or power was cut: half a record was cut off, or records not yet synced are gone. */
  | { readonly type: "log.repaired"; readonly tornBytes?: number; readonly lostRecords?: number }
  /** Less is here than was written, and nothing harmless explains it. */
  | { readonly type: "log.damaged"; readonly expectedSize: number; readonly foundSize: number };

/** What identifies an anchor. Hashes and keys are hexadecimal. */
export interface AnchorFacts {
  readonly nvIndex: number;
  /** TPM name of the index once written: the hash of its attributes and its write policy. */
  readonly nvName: string;
  readonly counterIndex: number;
  /** Value the counter had, once in the life of this TPM, when the index could be written for the first time. */
  readonly counter: number;
  /** TPM name of the attestation key. */
  readonly akName: string;
  /** SHA-256 of the endorsement key's public area. */
  readonly ekHash: string;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly clockMs: number;
  readonly hostname: string;
}

/** What happened, as the engine reports it. No secrets and no environment values in any field. */
export type EngineEvent = SupplyEvent | PodEvent | LogEvent;

/** An app of a pod as events name it. */
export interface EventApp {
  readonly app: string;
  readonly image: EventImage;
}

/** The content of a record: the event and the circumstances the sink adds. */
export type RecordedEvent = EngineEvent & {
  /** RFC 3339 UTC, to the millisecond. */
  readonly time: string;
  readonly bootId: string;
  readonly monotonicNs: number;
  readonly caller: EventCaller;
  /** It could not be written when it happened, and was kept aside until now. */
  readonly late?: true;
};

/** Events that decide what may run or ran: on disk before the engine goes on. */
const DECIDING: ReadonlySet<EngineEvent["type"]> = new Set([
  "image.verified",
  "image.refused",
  "exception.used",
  "trust.key-added",
  "trust.key-removed",
  "trust.key-revoked",
  "config.changed",
  "stage1.built",
  "stage1.changed",
  "pod.prepared",
  "pod.started",
  "pod.restored",
  "pod.exec",
  "pod.attach",
  "app.added",
  "insecure.used",
]);

/** Events that begin the execution of something: in the anchor before it executes. */
const EXECUTING: ReadonlySet<EngineEvent["type"]> = new Set([
  "pod.started",
  "pod.restored",
  "pod.exec",
  "pod.attach",
  "app.added",
]);

/** Whether an event must be durable before its consequence happens. */
export function isDeciding(type: EngineEvent["type"]): boolean {
  return DECIDING.has(type);
}

/** Deciding, but of no effect before the command ends or something starts: what comes then makes them durable too. */
const PATIENT: ReadonlySet<EngineEvent["type"]> = new Set(["pod.prepared", "insecure.used", "config.changed"]);

/** Whether an event must be on disk before `report` returns. */
export function isUrgent(type: EngineEvent["type"]): boolean {
  return isDeciding(type) && !PATIENT.has(type);
}

/** Whether an event must be anchored before its consequence happens. */
export function isExecuting(type: EngineEvent["type"]): boolean {
  return EXECUTING.has(type);
}
