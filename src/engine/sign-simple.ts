import { type ImageName, repositoryOf } from "../image/image-name.ts";
import type { ImageArgument } from "../image/reference.ts";
import { openFiles } from "../sys/linux/files.ts";
import { writeLookaside } from "../transport/lookaside/write-lookaside.ts";
import { openRegistrySource } from "../transport/registry/open-registry-source.ts";
import { createRegistryClient } from "../transport/registry/registry-client.ts";
import { hasSignatureStorage, pushStoredSignature } from "../transport/registry/signature-storage.ts";
import { parseDockerReference } from "../trust/containers/docker-reference.ts";
import { encodeClaim, SIMPLE_TYPE } from "../trust/simple/claim.ts";
import type { EngineContext } from "./context.ts";
import type { SignedImage } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import { dockerIdentity } from "./image-identity.ts";
import { listSigningSubjects, type SigningSubject } from "./list-signing-subjects.ts";
import { lookasidePlaces } from "./lookaside.ts";
import type { MadeMessage, MessageSigner } from "./message-signer.ts";
import { reachForWriting } from "./open-registry.ts";
import { openUserPath } from "./user-path.ts";

/** An image to sign so that skopeo and podman know it. */
export interface SimpleSigning {
  readonly signer: MessageSigner;
  readonly argument: ImageArgument;
  /** Name to sign it as; default: the registry reference itself. */
  readonly identity?: string;
  readonly output?: string;
}

interface SignOptions {
  readonly signal?: AbortSignal;
}

/**
 * GPG simple signing of an image in a registry: of what the reference means and of every manifest beneath it, each for the
 * same name. They go to the registry's own storage where it has one, else to the lookaside of `registries.d`; with `output`
 * one signature goes to that file. All are made before the first is stored.
 * @throws {UseCaseError} "engine/not-signable"; {TransportError}; {TrustError}
 */
export async function signSimple(
  ctx: EngineContext,
  input: SimpleSigning,
  options: SignOptions = {},
): Promise<SignedImage> {
  const name = registryName(input.argument);
  const identity = readIdentity(input.identity, name);
  const { host, image } = await reachForWriting(ctx, name, options);
  await using source = openRegistrySource(host, image);
  const subjects = await listSigningSubjects(source, options);
  const signed: { readonly subject: SigningSubject; readonly made: MadeMessage }[] = [];
  for (const subject of input.output === undefined ? subjects : subjects.slice(0, 1))
    signed.push({ subject, made: await input.signer(claimOf(subject, identity, ctx), options) });
  const [first] = signed;
  if (first === undefined) throw notSignable(input.argument.kind);
  const result = { digest: first.subject.descriptor.digest, fingerprint: first.made.fingerprint };
  if (input.output !== undefined) return { ...result, placedAt: writeOutput(ctx, input.output, first.made.bytes) };
  const client = createRegistryClient(host, image);
  if (await hasSignatureStorage(client, options)) {
    for (const { subject, made } of signed.toReversed())
      await pushStoredSignature(client, { subject: subject.descriptor.digest, bytes: made.bytes }, options);
    return { ...result, placedAt: `signature storage of docker://${repositoryOf(name)}` };
  }
  let placedAt = "";
  for (const { subject, made } of signed.toReversed()) {
    const query = { names: [name], digest: subject.descriptor.digest, write: true };
    for (const place of lookasidePlaces(ctx, query)) placedAt = writeLookaside(openFiles, place, made.bytes);
  }
  return { ...result, placedAt };
}

function claimOf({ descriptor }: SigningSubject, dockerReference: string, ctx: EngineContext): Uint8Array {
  const optional = { creator: "gantry", timestamp: Math.floor(ctx.clock.nowMs() / 1000) };
  return encodeClaim({ manifestDigest: descriptor.digest, dockerReference }, { type: SIMPLE_TYPE, optional });
}

/** The name inside the signature. @throws {UseCaseError} "engine/bad-input" */
export function readIdentity(identity: string | undefined, name: ImageName): string {
  if (identity === undefined) return dockerIdentity(name).docker ?? "";
  const parsed = parseDockerReference(identity.replace(/^docker:\/\//, ""));
  if (parsed !== undefined && (parsed.tag !== undefined || parsed.digest !== undefined)) return parsed.text;
  throw new UseCaseError(
    "engine/bad-input",
    `Cannot sign as "${identity.slice(0, 200)}": not a name with tag or digest`,
    {
      hint: "write it as --identity example.com/app:1.2",
    },
  );
}

/** The registry reference of an argument. @throws {UseCaseError} "engine/not-signable" */
export function registryName(argument: ImageArgument): ImageName {
  if (argument.kind === "docker" || argument.kind === "name") return argument.name;
  throw notSignable(argument.kind);
}

function notSignable(kind: string): UseCaseError {
  return new UseCaseError("engine/not-signable", `Cannot sign an image of kind ${kind} in this format`, {
    hint: "push it, then sign it in its registry: docker://HOST/NAME:TAG; archives take --format=openpgp",
  });
}

function writeOutput(ctx: EngineContext, output: string, bytes: Uint8Array): string {
  const { directory, name, path } = openUserPath(output);
  if (directory.has(name)) ctx.options.note(`replaced ${path}`);
  directory.writePlain(name, bytes, 0o644);
  return path;
}
