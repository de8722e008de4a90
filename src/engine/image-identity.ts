import { type ImageName, registryReference, repositoryOf } from "../image/image-name.ts";
import type { ImageArgument } from "../image/reference.ts";
import { realPath } from "../sys/linux/real-path.ts";
import type { ImageSource } from "../transport/image-source.ts";
import type { ImageIdentity } from "../trust/containers/policy.ts";

/**
 * The image as `policy.json` names it. A name is governed as that name in `docker:`, wherever discovery or a mirror leads;
 * paths are resolved, so that a link cannot lead out of the scope that governs its target.
 */
export function imageIdentity(
  argument: Exclude<ImageArgument, { readonly kind: "stored" }>,
  source: Pick<ImageSource, "policyTransport">,
): ImageIdentity {
  switch (argument.kind) {
    case "name":
    case "docker":
      return dockerIdentity(argument.name);
    case "oci-layout":
      return { transport: "oci", scope: realPath(argument.path) };
    case "url":
      return { transport: "url", scope: "" };
    default: {
      const transport = source.policyTransport ?? argument.kind;
      return { transport, scope: transport === "docker-archive" ? "" : realPath(argument.path) };
    }
  }
}

/** A registry image: by digest when the name has one, else by tag. */
export function dockerIdentity(name: ImageName): ImageIdentity {
  const reference = registryReference(name);
  const docker = `${repositoryOf(name)}${name.digest === undefined ? ":" : "@"}${reference}`;
  return { transport: "docker", scope: docker, docker };
}
