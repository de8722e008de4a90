import { createHasher, type Digest, digestOf } from "../image/digest.ts";
import { ImageError } from "../image/errors.ts";
import { parseImageName, repositoryOf } from "../image/image-name.ts";
import { TarReader } from "../image/layer/tar-reader.ts";
import {
  badCheckpoint,
  CHECKPOINT_DOCUMENT,
  type CheckpointDocument,
  MAX_CHECKPOINT_DOCUMENT_BYTES,
  parseCheckpointDocument,
} from "../pod/checkpoint-document.ts";
import { openFiles } from "../sys/linux/files.ts";
import { randomFraction } from "../sys/random.ts";
import { decompressPrivateFile, type PrivateFile } from "../transport/archive/private-file.ts";
import { fetchArchive, fetchDetachedSignature } from "../transport/archive/read-archive-bytes.ts";
import { createPacing } from "../transport/pacing.ts";
import { HOST_IMAGE } from "../trust/decide-image.ts";
import { TrustError } from "../trust/errors.ts";
import { openTrust } from "../trust/trust.ts";
import { verifyImage } from "../trust/verify-image.ts";
import type { EngineContext } from "./context.ts";
import { isOwnExport } from "./export-pod.ts";
import { describeAcceptance, reportExceptions } from "./report-acceptance.ts";
import { trustConfig } from "./trust-layers.ts";
import { openUserPath } from "./user-path.ts";
import { reportRefusal } from "./verify-remote.ts";

/** A checkpoint that may be restored, in a private copy that nobody else can change. */
export interface OpenedCheckpoint extends Disposable {
  readonly document: CheckpointDocument;
  /** Of the file as it was given. */
  readonly digest: Digest;
  /** `own`, or what its signatures were accepted by. */
  readonly acceptedBy: readonly string[];
  /** The archive, decompressed. */
  chunks(): Iterable<Uint8Array>;
}

/**
 * Copies an exported checkpoint and decides whether it is trusted: made by this host, or signed, byte for byte, for the
 * name of every image in it. Nothing but its first member is read before that.
 * @throws {TrustError} any refusal; {PodError} "pod/bad-checkpoint"; {TransportError} "transport/not-found", "transport/bad-archive"
 */
export async function openCheckpointFile(
  ctx: EngineContext,
  text: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<OpenedCheckpoint> {
  const { path } = openUserPath(text);
  const place = { kind: "file" as const, path };
  ctx.root.ensureDir("tmp", 0o700);
  const host = { http: ctx.http(), pacing: createPacing(randomFraction), temp: ctx.root, openDirectory: openFiles };
  using guard = new DisposableStack();
  const original = guard.use(await fetchArchive(host, place, options));
  const plain = guard.use((await decompressPrivateFile(ctx.root, original, `checkpoint ${path}`)) ?? noFile(original));
  const raw = readDocument(plain);
  const document = parseCheckpointDocument(raw);
  const digest = hashFile(original);
  const signature = isOwnExport(ctx, digest) ? undefined : await fetchDetachedSignature(host, place, options);
  const acceptedBy = isOwnExport(ctx, digest)
    ? ["own"]
    : await decide(ctx, { document, raw, digest, original, path, signature });
  const held = guard.move();
  return { document, digest, acceptedBy, chunks: () => plain.chunks(0), [Symbol.dispose]: () => held.dispose() };
}

/** The same file, which is somebody else's to remove. */
function noFile(file: PrivateFile): PrivateFile {
  return { ...file, [Symbol.dispose]: () => {} };
}

function hashFile(file: PrivateFile): Digest {
  const hasher = createHasher("sha256");
  for (const chunk of file.chunks(0)) hasher.update(chunk);
  return hasher.digest();
}

/** A checkpoint takes the place of every app it has: a key that speaks for one of the images says nothing of the others. */
async function decide(
  ctx: EngineContext,
  {
    document,
    raw,
    digest,
    original,
    path,
    signature,
  }: {
    readonly document: CheckpointDocument;
    readonly raw: Uint8Array;
    readonly digest: Digest;
    readonly original: PrivateFile;
    readonly path: string;
    readonly signature: { readonly bytes: Uint8Array; readonly from: string } | undefined;
  },
): Promise<readonly string[]> {
  const trust = openTrust(trustConfig(ctx), ctx.clock);
  const acceptedBy = new Set<string>();
  const names = new Set(document.manifest.apps.map(({ image }) => repositoryOf(parseImageName(image.name))));
  for (const name of names) {
    try {
      const record = await verifyImage(trust, {
        name,
        manifest: { raw, digest: digestOf(raw) },
        image: HOST_IMAGE,
        signatures: signature === undefined ? [] : [{ ...signature, over: "archive" }],
        archive: { open: () => streamOf(original) },
        insecure: ctx.options.insecureOptions.has("image"),
      });
      reportExceptions(ctx, { name, record });
      for (const by of describeAcceptance(record)) acceptedBy.add(by);
    } catch (reason) {
      throw reportRefusal(ctx, { name, digest }, explain(reason, { name, path }));
    }
  }
  return [...acceptedBy];
}

async function* streamOf(file: PrivateFile): AsyncIterable<Uint8Array> {
  yield* file.chunks(0);
}

function explain(reason: unknown, { name, path }: { readonly name: string; readonly path: string }): unknown {
  if (!(reason instanceof TrustError)) return reason;
  const why = reason.message.replace(/^Cannot trust image "[^"]*": /, "");
  return new TrustError(
    reason.code,
    `Cannot restore from "${path}": this host did not make it, and as a checkpoint of "${name}" ${why}`,
    {
      hint: `a checkpoint is code: have it signed by a key that is trusted for ${name} (gantry sign FILE), or accept it once: --insecure-options=image`,
      data: reason.data,
      cause: reason,
    },
  );
}

/** The first member, which has to be the document. */
function readDocument(file: PrivateFile): Uint8Array {
  const parts: Uint8Array[] = [];
  let sizeBytes: number | undefined;
  let isWhole = false;
  const reader = new TarReader({
    onEntry(entry) {
      if (isWhole) return;
      if (entry.kind !== "file" || entry.path !== CHECKPOINT_DOCUMENT)
        throw badCheckpoint("it does not begin with what a checkpoint begins with");
      if (entry.sizeBytes > MAX_CHECKPOINT_DOCUMENT_BYTES) throw badCheckpoint(`${CHECKPOINT_DOCUMENT} is too large`);
      sizeBytes = entry.sizeBytes;
    },
    onData: (chunk) => void (isWhole ? 0 : parts.push(chunk.slice())),
    onEntryEnd() {
      isWhole = true;
    },
  });
  try {
    for (const chunk of file.chunks(0)) {
      reader.push(chunk);
      if (isWhole) return Buffer.concat(parts);
    }
  } catch (reason) {
    if (reason instanceof ImageError) throw badCheckpoint(reason.message, reason);
    throw reason;
  }
  throw badCheckpoint(sizeBytes === undefined ? "it is empty" : "it is cut short");
}
