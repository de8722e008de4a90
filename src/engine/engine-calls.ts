import type { ConfigEdits } from "../image/edit-config.ts";
import type { AppLimits } from "../pod/limits.ts";
import type { AttestCalls } from "./attest-calls.ts";
import type { AuditCalls } from "./audit-calls.ts";
import type { ConvertedImage, ConvertImageInput } from "./conversion.ts";
import type { ImageCalls } from "./image-calls.ts";
import type {
  AttachPodInput,
  CheckpointedPod,
  CheckpointPodInput,
  ImportPodInput,
  PodStats,
  RestorePodInput,
  Stage1Summary,
} from "./regime-calls.ts";
import type {
  DoctorCheck,
  ExecInput,
  FetchedImage,
  ImageSummary,
  InsecureOption,
  LogChunk,
  PodStatus,
  RunInput,
} from "./use-cases.ts";

/** Last argument of every call: how the caller gives up. */
export interface CallOptions {
  readonly signal: AbortSignal;
}

/** What a key is trusted for. Typed, never guessed from text. */
export type TrustScope = { readonly kind: "root" } | { readonly kind: "prefix"; readonly prefix: string };

/** A public key as shown to the person who decides about it. Times are RFC 3339. */
export interface KeySummary {
  /** Upper-case hexadecimal, no spaces. */
  readonly fingerprint: string;
  readonly userIds: readonly string[];
  readonly algorithm: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
  /** File or URL it was read from. */
  readonly from: string;
}

/** Keys found for `trust add`; nothing is stored before `add()`. */
export interface TrustPlan {
  readonly keys: readonly KeySummary[];
  add(): Promise<void>;
}

/** A row of `trust list --json`. */
export interface TrustedKey extends KeySummary {
  readonly scope: TrustScope;
  /** `masked`: an empty file of the admin hides the vendor's key. */
  readonly state: "valid" | "expired" | "revoked" | "weak" | "masked";
  /** Why it was revoked, or what is weak about it. */
  readonly reason?: string;
}

/** What `policy.json` comes to for an image. */
export interface ContainersVerdict {
  /** The file in force. */
  readonly file: string;
  /** Scope that decides: `default`, `docker`, `docker:example.com/app`. */
  readonly scope: string;
  /** `open`: it demands nothing, and vouches for nothing. */
  readonly outcome: "open" | "vouched" | "refused";
  readonly requirements: readonly { readonly type: string; readonly met: boolean; readonly reason: string }[];
}

/** One signature of an image and what it is worth today. */
export interface SignatureVerdict {
  readonly from: string;
  /** openpgp, simple, cosign or bundle. */
  readonly form: string;
  readonly over: "manifest" | "index" | "archive";
  readonly good: boolean;
  readonly finding: string;
}

/** JSON shape of `trust check` and `trust explain`. */
export interface TrustVerdict {
  readonly image: string;
  readonly accepted: boolean;
  /** Whether the image is stored here; of one that is not, only the rules are known. */
  readonly stored: boolean;
  /** Whose rule it hangs on. */
  readonly decidedBy: "gantry" | "containers-policy" | "both";
  /** Gantry's own rule that counts for the name, as people read it. */
  readonly rule: string;
  readonly containersPolicy?: ContainersVerdict;
  readonly signatures: readonly SignatureVerdict[];
  /** Code of the refusal. */
  readonly code?: string;
  readonly hint?: string;
  /** One line per key or rule looked at: why it vouches, or why it does not. */
  readonly reasons: readonly string[];
  readonly digest?: string;
  /** Fingerprints that vouch; empty when refused. */
  readonly verifiedBy: readonly string[];
}

/** JSON shape of `sign`. */
export interface SignedImage {
  readonly digest: string;
  readonly fingerprint: string;
  /** File or registry reference that now holds the signature. */
  readonly placedAt: string;
}

/** JSON shape of `discover`: where a name leads, and how that was found out. */
export interface Discovered {
  readonly name: string;
  readonly steps: readonly { readonly url: string; readonly outcome: string }[];
  readonly endpoints: readonly { readonly kind: string; readonly image: string; readonly signature?: string }[];
  readonly pubkeys: readonly string[];
  /** The registry it leads to, by way of `registries.conf`: mirrors first, and what each answered. */
  readonly registries: readonly {
    readonly role: "mirror" | "registry";
    readonly image: string;
    readonly insecure: boolean;
    readonly outcome: string;
    /** Table that led there, and its file. */
    readonly prefix?: string;
    readonly file?: string;
  }[];
  /** What a fetch would take now; missing when nobody has it. */
  readonly resolved?: {
    readonly from: string;
    readonly digest: string;
    readonly mediaType?: string;
    readonly platform: string;
    readonly indexDigest?: string;
    readonly problem?: string;
  };
}

/** Input of `discover`. */
export interface DiscoverInput {
  readonly name: string;
  readonly platform?: string;
}

/** What `gc` did to pods, by UUID; with a dry run: what it would do. */
export interface GcPodsResult {
  readonly marked: readonly string[];
  readonly removed: readonly string[];
}

/** What `image gc` did, by digest; with a dry run: what it would do. */
export interface GcImagesResult {
  /** Names taken from images nobody uses; only when asked for. */
  readonly removedNames: readonly string[];
  readonly removedImages: readonly string[];
  readonly removedBlobs: readonly string[];
  readonly removedLayers: readonly string[];
  readonly freedBytes: number;
}

/** Input of `push` and `image export`. */
export interface CopyImagesInput {
  readonly images: readonly string[];
  /** A registry reference, `oci:DIR`, `oci-archive:FILE` or `docker-archive:FILE`. */
  readonly destination: string;
  /** Of an image for several platforms: these only; empty means all. */
  readonly platforms: readonly string[];
  /** Leaves signatures behind. */
  readonly withoutSignatures?: boolean;
}

/** JSON shape of `push` and of each element of `image export`. */
export interface CopiedImage {
  readonly image: string;
  /** Of the manifest or index that is there now. */
  readonly digest: string;
  readonly placedAt: string;
  /** Blobs sent, mounted from another repository, and found there already. */
  readonly written: number;
  readonly mounted: number;
  readonly present: number;
  /** Signatures that came along. */
  readonly signatures: number;
  readonly signaturesLeftOut: number;
}

/** Input of `image build`. */
export interface BuildImageInput {
  /** Image to build upon; undefined: nothing. */
  readonly from?: string;
  /** `SRC:/DEST[:UID:GID[:MODE]]`. */
  readonly add: readonly string[];
  /** `FILE[:/DEST]`. */
  readonly addTar: readonly string[];
  readonly edits: ConfigEdits;
  readonly annotations: Readonly<Record<string, string>>;
  /** Empty: this host's; several make an index. */
  readonly platforms: readonly string[];
  readonly compression: "gzip" | "zstd" | "none";
  /** A name in the store, or any place `push` writes to. */
  readonly destination: string;
}

/** JSON shape of `image build` and `image index`. */
export interface BuiltImageSummary {
  readonly digest: string;
  readonly placedAt: string;
  readonly images: readonly { readonly platform: string; readonly digest: string }[];
}

/** JSON shape of a row of `net list`. */
export interface NetworkSummary {
  readonly name: string;
  readonly plugins: readonly string[];
  readonly cniVersion: string;
  /** Configuration file, or `built in`. */
  readonly from: string;
}

/** JSON shape of a row of `net check`. */
export interface NetworkCheck {
  readonly name: string;
  readonly state: "ok" | "fail";
  readonly detail: string;
}

/** Input of `status`. */
export interface PodStatusInput {
  readonly pod: string;
  readonly wait?: { readonly for: "exit" | "ready"; readonly timeoutMs?: number };
}

/** Input of `logs`. */
export interface PodLogsInput {
  readonly pod: string;
  /** Empty: all apps. */
  readonly apps: readonly string[];
  readonly follow: boolean;
  readonly streams: readonly ("stdout" | "stderr")[];
  readonly tailLines?: number;
}

/** Input of `run-prepared`. */
export interface RunPreparedInput {
  readonly pod: string;
  readonly detach: boolean;
  readonly interactive: boolean;
  readonly tty?: boolean;
  readonly insecureOptions: ReadonlySet<InsecureOption>;
}

/** A pod to remove, and the command that started it, or what that has become: it may still be about to read the pod's end. */
export interface CollectInput {
  readonly pod: string;
  readonly launcher?: { readonly pid: number; readonly startTicks: number };
}

/**
 * What the command line needs of the engine. Calls that hand the process over (`runPod` and `runPrepared` without
 * `detach`) replace it and do not return on success.
 */
export interface EngineCalls extends AttestCalls, AuditCalls, ImageCalls {
  fetchImages(
    input: {
      readonly images: readonly string[];
      readonly platform?: string;
      readonly pullPolicy: "new" | "update" | "never";
    },
    options: CallOptions,
  ): Promise<readonly FetchedImage[]>;
  runPod(input: RunInput, options: CallOptions): Promise<PodStatus | { readonly uuid: string }>;
  preparePod(input: RunInput, options: CallOptions): Promise<{ readonly uuid: string }>;
  runPrepared(input: RunPreparedInput, options: CallOptions): Promise<{ readonly uuid: string }>;
  listPods(options: CallOptions): Promise<readonly PodStatus[]>;
  podStatus(input: PodStatusInput, options: CallOptions): Promise<PodStatus>;
  podLogs(input: PodLogsInput, options: CallOptions): AsyncIterable<LogChunk>;
  /** Returns the exit code of the command, 128 + n for a signal. */
  execInPod(input: ExecInput, options: CallOptions): Promise<number>;
  setPodsPaused(
    input: { readonly pods: readonly string[]; readonly paused: boolean },
    options: CallOptions,
  ): Promise<readonly string[]>;
  checkpointPod(input: CheckpointPodInput, options: CallOptions): Promise<CheckpointedPod>;
  restorePod(input: RestorePodInput, options: CallOptions): Promise<{ readonly uuid: string }>;
  importPod(input: ImportPodInput, options: CallOptions): Promise<{ readonly uuid: string }>;
  podStats(input: { readonly pods: readonly string[] }, options: CallOptions): Promise<readonly PodStats[]>;
  updatePod(
    input: { readonly pod: string; readonly app?: string; readonly limits: AppLimits },
    options: CallOptions,
  ): Promise<{ readonly pod: string; readonly app: string }>;
  /** Returns the exit code of the app, 0 when the caller has left it. */
  attachToPod(input: AttachPodInput, options: CallOptions): Promise<number>;
  stopPods(
    input: { readonly pods: readonly string[]; readonly force: boolean; readonly timeoutMs: number },
    options: CallOptions,
  ): Promise<readonly { readonly pod: string; readonly result: "stopped" | "already-exited" }[]>;
  /** Returns the UUIDs removed. */
  removePods(
    input: { readonly pods: readonly string[]; readonly force: boolean },
    options: CallOptions,
  ): Promise<readonly string[]>;
  gcPods(
    input: {
      readonly graceMs: number;
      readonly expirePreparedMs: number;
      readonly markOnly: boolean;
      readonly dryRun: boolean;
    },
    options: CallOptions,
  ): Promise<GcPodsResult>;
  /** Returns the JSON text of the manifest, byte for byte as stored. */
  catManifest(input: { readonly pod: string }, options: CallOptions): Promise<string>;

  listImages(options: CallOptions): Promise<readonly ImageSummary[]>;
  /** Returns the digests removed. */
  removeImages(input: { readonly images: readonly string[] }, options: CallOptions): Promise<readonly string[]>;
  gcImages(
    input: { readonly graceMs: number; readonly unused?: boolean; readonly dryRun: boolean },
    options: CallOptions,
  ): Promise<GcImagesResult>;
  buildImage(input: BuildImageInput, options: CallOptions): Promise<BuiltImageSummary>;
  assembleIndex(
    input: {
      readonly images: readonly string[];
      readonly annotations: Readonly<Record<string, string>>;
      readonly destination: string;
    },
    options: CallOptions,
  ): Promise<BuiltImageSummary>;
  copyImages(input: CopyImagesInput, options: CallOptions): Promise<readonly CopiedImage[]>;
  convertImage(input: ConvertImageInput, options: CallOptions): Promise<ConvertedImage>;

  /** `key` is a file or URL; undefined: discovered from the prefix. */
  planTrustAdd(input: { readonly key?: string; readonly scope: TrustScope }, options: CallOptions): Promise<TrustPlan>;
  listKeys(options: CallOptions): Promise<readonly TrustedKey[]>;
  /** Without `scope`: from every scope. Returns the entries removed. */
  removeKey(
    input: { readonly fingerprint: string; readonly scope?: TrustScope },
    options: CallOptions,
  ): Promise<readonly TrustedKey[]>;
  revokeKey(
    input: { readonly fingerprint?: string; readonly reason?: string; readonly certificate?: string },
    options: CallOptions,
  ): Promise<{ readonly fingerprint: string; readonly reason: string }>;
  /** With `onlyRules` also of images that are not stored. */
  checkTrust(
    input: { readonly image: string; readonly onlyRules?: boolean },
    options: CallOptions,
  ): Promise<TrustVerdict>;
  signImage(
    input: {
      readonly image: string;
      readonly keyFile?: string;
      readonly gpgKey?: string;
      readonly output?: string;
      readonly format?: "openpgp" | "simple" | "cosign" | "bundle";
      readonly identity?: string;
    },
    options: CallOptions,
  ): Promise<SignedImage>;
  discover(input: DiscoverInput, options: CallOptions): Promise<Discovered>;

  buildStage1(
    input: { readonly regime: string; readonly settings?: Readonly<Record<string, string>> },
    options: CallOptions,
  ): Promise<Stage1Summary>;
  listStage1(options: CallOptions): Promise<readonly Stage1Summary[]>;
  listNetworks(options: CallOptions): Promise<readonly NetworkSummary[]>;
  checkNetworks(options: CallOptions): Promise<readonly NetworkCheck[]>;
  doctor(options: CallOptions): Promise<readonly DoctorCheck[]>;
  effectiveConfig(options: CallOptions): Promise<object>;

  /** Hidden verbs: this program starting itself again. The payload is JSON made by the engine, `argv` what follows the verb. */
  unpackJob(input: { readonly payload: string }, options: CallOptions): Promise<number>;
  /** Removes an ended pod that was asked for with `autoRemove`. */
  collectPod(input: CollectInput, options: CallOptions): Promise<void>;
  stage1Helper(input: { readonly argv: readonly string[] }, options: CallOptions): Promise<number>;
}
