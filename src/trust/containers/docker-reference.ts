import { ImageError } from "../../image/errors.ts";
import { formatImageName, parseDockerName, repositoryOf } from "../../image/image-name.ts";

/** A docker reference in its expanded form. */
export interface DockerReference {
  /** The whole reference. */
  readonly text: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** Reads `busybox:1`, `host:5000/a/b@sha256:…` the way docker expands them; undefined when it is none. Pure. */
export function parseDockerReference(text: string): DockerReference | undefined {
  if (text.includes(",")) return undefined;
  try {
    const name = parseDockerName(text);
    const { tag, digest } = name;
    return {
      text: formatImageName(name),
      repository: repositoryOf(name),
      ...(tag === undefined ? {} : { tag }),
      ...(digest === undefined ? {} : { digest }),
    };
  } catch (reason) {
    // Names in signatures are written by strangers: what is no reference matches nothing.
    if (reason instanceof ImageError) return undefined;
    throw reason;
  }
}
