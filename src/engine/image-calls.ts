/** How the caller gives up. */
interface CallOptions {
  readonly signal: AbortSignal;
}

/** Input of `image inspect`. */
export interface InspectInput {
  readonly image: string;
  readonly platform?: string;
  /** Bytes of a document instead of a summary: `raw` is the top one, or the manifest when a platform is given. */
  readonly document?: "raw" | "config";
}

/** JSON shape of `image inspect`. */
export interface ImageDescription {
  readonly name?: string;
  readonly place: string;
  readonly digest: string;
  readonly indexDigest?: string;
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly configDigest: string;
  readonly platform?: string;
  readonly sizeBytes: number;
  readonly layers: readonly {
    readonly digest: string;
    readonly diffId?: string;
    readonly mediaType: string;
    readonly sizeBytes: number;
  }[];
  readonly annotations: Readonly<Record<string, string>>;
  /** How it runs; missing for what is no container image. */
  readonly config?: {
    readonly entrypoint: readonly string[];
    readonly cmd: readonly string[];
    readonly env: readonly string[];
    readonly user: string;
    readonly workingDir: string;
    readonly volumes: readonly string[];
    readonly exposedPorts: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
    readonly stopSignal: string;
    readonly createdAt?: string;
  };
  /** Images of the index it is part of. */
  readonly platforms: readonly { readonly platform: string; readonly digest: string }[];
}

/** What `image inspect` found: a summary, or the document asked for. */
export type InspectedImage = { readonly summary: ImageDescription } | { readonly document: Uint8Array };

/** Input of `image extract`. */
export interface ExtractInput {
  readonly image: string;
  readonly platform?: string;
  readonly paths: readonly string[];
  readonly directory: string;
}

/** Input of `image render`. */
export interface RenderInput {
  readonly image: string;
  readonly platform?: string;
  readonly directory: string;
}

/** JSON shape of `image extract` and `image render`. */
export interface ExtractedFiles {
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
  /** What was left out, with why. */
  readonly skipped: readonly string[];
}

/** Something that is not as it should be, and what became of it. */
export interface StoreProblem {
  /** Blob or layer: its digest; otherwise a path in the store. */
  readonly what: string;
  readonly problem: string;
  /** `none`: only looked. */
  readonly repair: "none" | "repaired" | "failed";
  /** Why it could not be repaired. */
  readonly reason?: string;
}

/** JSON shape of an element of `image verify`. */
export interface VerifiedImage {
  readonly name: string;
  readonly digest: string;
  /** Whether everything is, or is again, as it should be. */
  readonly isGood: boolean;
  readonly blobs: number;
  readonly layers: number;
  readonly problems: readonly StoreProblem[];
}

/** JSON shape of `doctor --store`. */
export interface StoreReport {
  readonly blobs: number;
  readonly layers: number;
  readonly names: number;
  readonly problems: readonly StoreProblem[];
}

/** Use cases about what is in images and in the store. */
export interface ImageCalls {
  inspectImage(input: InspectInput, options: CallOptions): Promise<InspectedImage>;
  extractFiles(input: ExtractInput, options: CallOptions): Promise<ExtractedFiles>;
  renderImage(input: RenderInput, options: CallOptions): Promise<ExtractedFiles>;
  /** Without images: all. */
  verifyImages(
    input: { readonly images: readonly string[]; readonly repair: boolean },
    options: CallOptions,
  ): Promise<readonly VerifiedImage[]>;
  /** Returns the digests. */
  pinImages(input: { readonly images: readonly string[] }, options: CallOptions): Promise<readonly string[]>;
  unpinImages(input: { readonly images: readonly string[] }, options: CallOptions): Promise<readonly string[]>;
  checkStoreContent(input: { readonly repair: boolean }, options: CallOptions): Promise<StoreReport>;
}
