/** A key or certificate of a policy: a file by absolute path, or the bytes themselves. */
export type KeySource =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "data"; readonly bytes: Uint8Array };

/** How the name inside a signature has to fit the name of the image. */
export type IdentityMatch =
  | { readonly type: "matchExact" }
  | { readonly type: "matchRepoDigestOrExact" }
  | { readonly type: "matchRepository" }
  | { readonly type: "exactReference"; readonly dockerReference: string }
  | { readonly type: "exactRepository"; readonly dockerRepository: string }
  | { readonly type: "remapIdentity"; readonly prefix: string; readonly signedPrefix: string };

/** Whose sigstore signatures count. */
export type SigstoreSigner =
  | { readonly kind: "keys"; readonly keys: readonly KeySource[] }
  | {
      readonly kind: "fulcio";
      readonly ca: KeySource;
      readonly oidcIssuer: string;
      readonly subjectEmail: string;
    }
  | {
      readonly kind: "pki";
      readonly roots: KeySource;
      readonly intermediates?: KeySource;
      readonly subjectEmail?: string;
      readonly subjectHostname?: string;
    };

/** One demand on an image. Spec: containers-policy.json(5), "Policy Requirements". */
export type ContainersRequirement =
  | { readonly type: "insecureAcceptAnything" }
  | { readonly type: "reject" }
  | { readonly type: "signedBaseLayer" }
  | {
      readonly type: "signedBy";
      readonly keyType: string;
      readonly keys: readonly KeySource[];
      readonly identity: IdentityMatch;
    }
  | {
      readonly type: "sigstoreSigned";
      readonly signer: SigstoreSigner;
      readonly rekorKeys: readonly KeySource[];
      readonly identity: IdentityMatch;
    };

/** A `policy.json`, parsed: every list is an AND. */
export interface ContainersPolicy {
  readonly fallback: readonly ContainersRequirement[];
  /** Transport → scope → requirements; scope "" is the transport's default. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, readonly ContainersRequirement[]>>;
}

/** An image as `policy.json` names it. */
export interface ImageIdentity {
  /** `docker`, `oci`, `oci-archive`, `docker-archive`, `aci`, `url` … */
  readonly transport: string;
  /** Whole docker reference, or absolute path; "" where the transport knows no scopes. */
  readonly scope: string;
  /** The docker reference, for transports that have one. */
  readonly docker?: string;
}
