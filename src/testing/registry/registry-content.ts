import { digestOf } from "../../image/digest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../image/media-types.ts";

/** A manifest as a registry keeps it. */
export interface KeptManifest {
  readonly raw: Uint8Array;
  readonly mediaType: string;
  readonly digest: string;
}

/** One repository in memory. */
export interface RepositoryContent {
  readonly blobs: Map<string, Uint8Array>;
  readonly manifests: Map<string, KeptManifest>;
  /** Tag → digest. */
  readonly tags: Map<string, string>;
}

/** Everything a test registry holds; tests may read and change it behind its back. */
export class RegistryContent {
  readonly repositories = new Map<string, RepositoryContent>();
  readonly #signatures = new Map<string, { readonly name: string }[]>();

  /** The signature storage of a manifest; tests and the server add to it. */
  signaturesOf(name: string, digest: string): { readonly name: string }[] {
    const key = `${name}@${digest}`;
    const known = this.#signatures.get(key) ?? [];
    this.#signatures.set(key, known);
    return known;
  }

  /** The repository, made when it is not there. */
  repository(name: string): RepositoryContent {
    const known = this.repositories.get(name);
    if (known !== undefined) return known;
    const made: RepositoryContent = { blobs: new Map(), manifests: new Map(), tags: new Map() };
    this.repositories.set(name, made);
    return made;
  }

  /** Stores a blob and returns its digest. */
  putBlob(name: string, raw: Uint8Array | string): string {
    const digest = digestOf(raw);
    this.repository(name).blobs.set(digest, Buffer.from(raw));
    return digest;
  }

  /** Stores a manifest or index under its digest and, when given, a tag; returns the digest. */
  putManifest(
    name: string,
    manifest: { readonly raw: Uint8Array | string; readonly mediaType?: string; readonly tag?: string },
  ): string {
    const digest = digestOf(manifest.raw);
    const repository = this.repository(name);
    repository.manifests.set(digest, {
      raw: Buffer.from(manifest.raw),
      mediaType: manifest.mediaType ?? OCI_MANIFEST,
      digest,
    });
    if (manifest.tag !== undefined) repository.tags.set(manifest.tag, digest);
    return digest;
  }

  /** What `reference` (tag or digest) names. */
  findManifest(name: string, reference: string): KeptManifest | undefined {
    const repository = this.repositories.get(name);
    return repository?.manifests.get(repository.tags.get(reference) ?? reference);
  }

  /** Referrers index of a digest, optionally of one artifact type only. */
  referrersOf(name: string, subject: string, artifactType: string | null): string {
    const manifests = [...this.repository(name).manifests.values()].flatMap((kept) => {
      const document = JSON.parse(Buffer.from(kept.raw).toString()) as {
        subject?: { digest?: string };
        artifactType?: string;
        annotations?: object;
      };
      if (document.subject?.digest !== subject) return [];
      if (artifactType !== null && document.artifactType !== artifactType) return [];
      const { annotations, artifactType: type } = document;
      return [
        { mediaType: kept.mediaType, digest: kept.digest, size: kept.raw.byteLength, artifactType: type, annotations },
      ];
    });
    return JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  }
}
