import { discoverName } from "../discovery/discover-name.ts";
import { formatImageName, type ImageName, repositoryOf } from "../image/image-name.ts";
import { parseImageArgument } from "../image/reference.ts";
import { openRegistrySource } from "../transport/registry/open-registry-source.ts";
import { pushSignature } from "../transport/registry/push-signature.ts";
import { createRegistryClient } from "../transport/registry/registry-client.ts";
import { buildSignatureArtifact } from "../transport/signature-artifact.ts";
import type { EngineContext } from "./context.ts";
import { discoveryQuery } from "./discovery-query.ts";
import type { SignedImage } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import { listSigningSubjects } from "./list-signing-subjects.ts";
import { reachForWriting } from "./open-registry.ts";
import type { Signer } from "./signer.ts";
import { writeSignatureFile } from "./write-signature-file.ts";

/** An image in a registry and how to sign it. */
export interface RegistrySigning {
  readonly signer: Signer;
  readonly name: ImageName;
  /** Ask the name where its images are; otherwise its host is the registry. */
  readonly discover?: boolean;
  readonly output?: string;
}

interface SignOptions {
  readonly signal?: AbortSignal;
}

/**
 * Attaches signatures to an image in its registry: to what the reference means and to every manifest beneath it. All
 * signatures are made before the first is pushed; the referenced document comes last, so that its signature says that
 * all are there. With `output` one detached file over that document instead, and nothing is pushed.
 * @throws {TransportError}; {UseCaseError} "engine/not-signable" when the name leads to an archive.
 */
export async function signInRegistry(
  ctx: EngineContext,
  input: RegistrySigning,
  options: SignOptions = {},
): Promise<SignedImage> {
  const { signer, output } = input;
  const name = input.discover === true ? await findRegistry(ctx, input.name, options) : input.name;
  const { host, image } = await reachForWriting(ctx, name, options);
  await using source = openRegistrySource(host, image);
  const subjects = await listSigningSubjects(source, options);
  const digest = subjects[0]?.descriptor.digest ?? "";
  const signed: {
    readonly artifact: ReturnType<typeof buildSignatureArtifact>;
    readonly text: string;
    readonly fingerprint: string;
  }[] = [];
  for (const { raw, descriptor } of output === undefined ? subjects : subjects.slice(0, 1)) {
    const { text, fingerprint } = await signer.sign({ kind: "bytes", bytes: raw }, options);
    signed.push({ artifact: buildSignatureArtifact(descriptor, new TextEncoder().encode(text)), text, fingerprint });
  }
  const [first] = signed;
  const fingerprint = first?.fingerprint ?? "";
  if (output !== undefined)
    return { digest, fingerprint, placedAt: writeSignatureFile(ctx, output, first?.text ?? "") };
  const client = createRegistryClient(host, image);
  for (const { artifact } of signed.toReversed()) await pushSignature(client, artifact, options);
  return {
    digest,
    fingerprint,
    placedAt: `docker://${repositoryOf(name)}@${first?.artifact.manifest.descriptor.digest ?? ""}`,
  };
}

async function findRegistry(ctx: EngineContext, name: ImageName, options: SignOptions): Promise<ImageName> {
  if (name.host === "docker.io" || name.digest !== undefined) return name;
  const [endpoint] = (await discoverName({ http: ctx.http() }, discoveryQuery(ctx, name), options)).endpoints;
  if (endpoint === undefined) return name;
  const argument = endpoint.kind === "registry" ? parseImageArgument(endpoint.argument) : undefined;
  if (argument?.kind === "docker") return argument.name;
  throw new UseCaseError(
    "engine/not-signable",
    `Cannot sign "${formatImageName(name)}": it is published as an archive`,
    {
      hint: "sign the archive's file, and publish FILE.asc beside it; or name the registry: docker://HOST/NAME:TAG",
      data: { endpoint },
    },
  );
}
