import { createHasher } from "../image/digest.ts";
import { readFileChunks } from "../sys/linux/file-chunks.ts";
import type { EngineContext } from "./context.ts";
import type { SignedImage } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import type { Signer } from "./signer.ts";
import { openUserPath } from "./user-path.ts";
import { writeSignatureFile } from "./write-signature-file.ts";

/**
 * Signs an archive, byte for byte as it is, into `FILE.asc` or `output`. The digest of the result is the file's.
 * @throws {UseCaseError} "engine/not-signable" when there is no such file.
 */
export async function signArchive(
  ctx: EngineContext,
  input: { readonly signer: Signer; readonly path: string; readonly output?: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<SignedImage> {
  const { directory, name, path } = openUserPath(input.path);
  const kind = directory.stat(name)?.kind;
  if (kind !== "file" && kind !== "symlink") throw notArchive(path, kind);
  const { text, fingerprint } = await input.signer.sign({ kind: "path", path }, options);
  const hasher = createHasher("sha256");
  for await (const chunk of readFileChunks(path)) hasher.update(chunk);
  const placedAt = writeSignatureFile(ctx, input.output ?? `${path}.asc`, text);
  return { digest: hasher.digest(), fingerprint, placedAt };
}

function notArchive(path: string, kind: string | undefined): UseCaseError {
  const state = kind === undefined ? "it does not exist" : kind === "dir" ? "it is a directory" : "it is not a file";
  return new UseCaseError("engine/not-signable", `Cannot sign "${path}": ${state}`, {
    hint: kind === "dir" ? `sign the layout in it: gantry sign oci:${path}` : "check the path",
  });
}
