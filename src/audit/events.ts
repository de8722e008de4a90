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

/** What happened, as the engine reports it. No secrets and no environment values in any field. */
export type EngineEvent =
  | { readonly type: "image.fetched"; readonly image: EventImage; readonly from: string; readonly sizeBytes: number }
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
  | { readonly type: "image.removed"; readonly image: EventImage }
  | { readonly type: "trust.key-added" | "trust.key-removed"; readonly fingerprint: string; readonly scope: string }
  | { readonly type: "trust.key-revoked"; readonly fingerprint: string; readonly reason: string }
  | { readonly type: "stage1.built"; readonly stage1: string; readonly stage1Digest: string }
  | {
      readonly type: "pod.prepared";
      readonly pod: string;
      readonly manifestHash: string;
      readonly apps: readonly EventApp[];
    }
  | {
      readonly type: "pod.started";
      readonly pod: string;
      readonly manifestHash: string;
      readonly stage1: string;
      readonly stage1Digest: string;
      readonly apps: readonly EventApp[];
    }
  | { readonly type: "pod.exec"; readonly pod: string; readonly app: string; readonly program: string }
  | {
      readonly type: "app.exited";
      readonly pod: string;
      readonly app: string;
      readonly exitCode: number;
      readonly oomKilled?: boolean;
    }
  | { readonly type: "pod.exited"; readonly pod: string; readonly exitCode: number }
  | { readonly type: "pod.stopped"; readonly pod: string; readonly forced: boolean }
  | { readonly type: "pod.removed"; readonly pod: string }
  | {
      readonly type: "insecure.used";
      readonly options: readonly string[];
      readonly pod?: string;
      readonly image?: { readonly name: string; readonly digest?: string };
    }
  | { readonly type: "log.repaired"; readonly tornBytes: number };

/** An app of a pod as events name it. */
export interface EventApp {
  readonly app: string;
  readonly image: EventImage;
}

/** A line of the log: the event and the circumstances the sink adds. */
export type RecordedEvent = EngineEvent & {
  /** RFC 3339 UTC, to the millisecond. */
  readonly time: string;
  readonly bootId: string;
  readonly monotonicNs: number;
  readonly caller: EventCaller;
};

/** Events that decide what may run or ran: on disk before the engine goes on. */
const DECIDING: ReadonlySet<EngineEvent["type"]> = new Set([
  "image.verified",
  "image.refused",
  "trust.key-added",
  "trust.key-removed",
  "trust.key-revoked",
  "stage1.built",
  "pod.prepared",
  "pod.started",
  "pod.exec",
  "insecure.used",
  "log.repaired",
]);

/** Whether an event must be durable before its consequence happens. */
export function isDeciding(type: EngineEvent["type"]): boolean {
  return DECIDING.has(type);
}
