import type { ImageConfig, ImageManifest } from "../image/image-config.ts";

/** Annotation of the manifest of an image with dependencies: each one's name for trust and manifest digest, as JSON. */
export const DEPENDENCIES_ANNOTATION = "dev.gantry.appc.dependencies";

/** Which images are being resolved right now, outermost first, and how many it were so far. */
export interface DependencyTrail {
  readonly names: readonly string[];
  readonly count: { value: number };
}

/** How an image, and so each of its dependencies, is to be fetched. */
export interface AciRequest {
  readonly image: string;
  readonly platform?: string;
  readonly pullPolicy: "new" | "update" | "never";
  readonly within?: DependencyTrail;
}

/** A dependency that is here and verified. */
export interface FetchedDependency {
  /** Full name it is stored under. */
  readonly name: string;
  /** Name without tag, as trust knows it. */
  readonly trustName: string;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** A dependency whose files are part of an image. */
export interface TrustedDependency {
  readonly name: string;
  readonly digest: string;
}

/** The dependencies whose files are in an image. Others can only add to what has to be trusted, never take away. */
export function dependenciesOf({ annotations }: ImageManifest): readonly TrustedDependency[] {
  const text = annotations[DEPENDENCIES_ANNOTATION];
  if (text === undefined) return [];
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.filter(isDependency) : [];
  } catch {
    return []; // somebody else's annotation of that name
  }
}

function isDependency(value: unknown): value is TrustedDependency {
  if (typeof value !== "object" || value === null) return false;
  const one = value as Readonly<Record<string, unknown>>;
  return typeof one["name"] === "string" && typeof one["digest"] === "string";
}
