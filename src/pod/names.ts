import { PodError } from "./errors.ts";

/** A pod's UUID in lower-case text form. */
export type PodId = string & { readonly __brand: "PodId" };

/** Name of an app within its pod; also part of file, unit and cgroup names. */
export type AppName = string & { readonly __brand: "AppName" };

/** A pod's unique name as users choose it; also its default host name. */
export type PodName = string & { readonly __brand: "PodName" };

/** @throws {PodError} "pod/bad-name" unless `text` is a full UUID. */
export function parsePodId(text: string): PodId {
  if (!isPodId(text)) {
    throw new PodError("pod/bad-name", `Cannot parse pod UUID "${text.slice(0, 80)}"`, {
      hint: "see the UUIDs with: gantry list",
    });
  }
  return text as PodId;
}

/** Whether `text` is a full UUID in lower case. */
export function isPodId(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}

/** An AC Name of at most 63 characters. Spec: appc 0.8.11, types.md "AC Name Type". */
export function parseAppName(text: string): AppName {
  if (text.length > 63 || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(text)) {
    throw new PodError("pod/bad-name", `Cannot use app name "${text.slice(0, 80)}"`, {
      hint: "use lower-case letters, digits and single dashes between them, at most 63 characters",
    });
  }
  return text as AppName;
}

/** The app name an image gets by itself: last path element, made an AC Name. */
export function appNameFromImage(imageName: string): AppName {
  const last = imageName.split("@")[0]?.split("/").at(-1)?.split(":")[0] ?? "";
  const cleaned = last
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63)
    .replace(/-+$/, "");
  return parseAppName(cleaned === "" ? "app" : cleaned);
}

/** @throws {PodError} "pod/bad-name". Names are one path element, never look like a UUID, and fit a host name label. */
export function parsePodName(text: string): PodName {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(text) || isPodId(text)) {
    throw new PodError("pod/bad-name", `Cannot use pod name "${text.slice(0, 80)}"`, {
      hint: "use letters, digits, dash, dot and underscore, beginning with a letter or digit, at most 63 characters",
    });
  }
  return text as PodName;
}
