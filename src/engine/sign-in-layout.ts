import { resolve } from "node:path";
import type { ImageArgument } from "../image/reference.ts";
import type { Files } from "../sys/host.ts";
import { openFiles } from "../sys/linux/files.ts";
import { openLayoutSource } from "../transport/layout/open-layout-source.ts";
import { writeSignatureToLayout } from "../transport/layout/write-signature-to-layout.ts";
import { buildSignatureArtifact } from "../transport/signature-artifact.ts";
import type { EngineContext } from "./context.ts";
import type { SignedImage } from "./engine-calls.ts";
import { listSigningSubjects } from "./list-signing-subjects.ts";
import type { MadeSignature, Signer } from "./signer.ts";
import { writeSignatureFile } from "./write-signature-file.ts";

/** A layout and how to sign in it. */
export interface LayoutSigning {
  readonly signer: Signer;
  readonly argument: Extract<ImageArgument, { readonly kind: "oci-layout" }>;
  readonly output?: string;
}

/**
 * Attaches signatures to an image in a layout directory: to what the reference means and to every manifest beneath it.
 * All signatures are made before the first is written. With `output` one detached file over the referenced document
 * instead.
 * @throws {TransportError} "transport/bad-archive", "transport/not-found"
 */
export async function signInLayout(
  ctx: EngineContext,
  { signer, argument, output }: LayoutSigning,
  options: { readonly signal?: AbortSignal } = {},
): Promise<SignedImage> {
  const directory = openFiles(resolve(argument.path));
  await using source = openLayoutSource(directory, argument.ref === undefined ? {} : { ref: argument.ref });
  const subjects = await listSigningSubjects(source, options);
  const signed: { readonly made: MadeSignature; readonly subject: (typeof subjects)[number] }[] = [];
  for (const subject of output === undefined ? subjects : subjects.slice(0, 1)) {
    signed.push({ subject, made: await signer.sign({ kind: "bytes", bytes: subject.raw }, options) });
  }
  const [first] = signed;
  const digest = subjects[0]?.descriptor.digest ?? "";
  const fingerprint = first?.made.fingerprint ?? "";
  if (output !== undefined)
    return { digest, fingerprint, placedAt: writeSignatureFile(ctx, output, first?.made.text ?? "") };
  using _tidy = tidyTemp(directory);
  for (const { subject, made } of signed) {
    writeSignatureToLayout(directory, buildSignatureArtifact(subject.descriptor, new TextEncoder().encode(made.text)));
  }
  return {
    digest,
    fingerprint,
    placedAt: `oci:${directory.root}${argument.ref === undefined ? "" : `:${argument.ref}`}`,
  };
}

// Files are written by way of a `tmp` directory, which is no part of a layout.
function tidyTemp(directory: Files): Disposable {
  const wasThere = directory.has("tmp");
  return {
    [Symbol.dispose]: () => {
      if (!wasThere && directory.list("tmp").length === 0) directory.remove("tmp");
    },
  };
}
