import type { Stage1EntryPoints } from "../../pod/manifest.ts";
import { Stage1Error } from "../errors.ts";

/** Beginning of every annotation of a stage1 image. Spec: docs/stage1-contract.md. */
const PREFIX = "dev.gantry/stage1/";
/** The only version of the contract there is. */
const INTERFACE_VERSION = "1";
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/**
 * The programs a stage1 image names. Pure.
 * @throws {Stage1Error} "stage1/bad-image" for a missing entry point, a path that is not plain and absolute, or another
 *   interface version
 */
export function parseEntryPoints(annotations: Readonly<Record<string, string>>, image: string): Stage1EntryPoints {
  const version = annotations[`${PREFIX}interface-version`];
  if (version !== INTERFACE_VERSION) {
    throw bad(image, version === undefined ? "it says no interface version" : `its interface version is ${version}`);
  }
  const name = annotations[`${PREFIX}regime`] ?? "";
  if (!NAME.test(name)) throw bad(image, `"${name.slice(0, 80)}" is no name of a regime`);
  const required = (entry: string): string => {
    const path = annotations[`${PREFIX}${entry}`];
    if (path === undefined) throw bad(image, `it has no "${entry}"`);
    return assertPath(path, { image, entry });
  };
  const attach = annotations[`${PREFIX}attach`];
  return {
    name,
    run: required("run"),
    enter: required("enter"),
    stop: required("stop"),
    gc: required("gc"),
    ...(attach === undefined ? {} : { attach: assertPath(attach, { image, entry: "attach" }) }),
  };
}

function assertPath(path: string, { image, entry }: { readonly image: string; readonly entry: string }): string {
  const parts = path.split("/").slice(1);
  const isPlain = path.startsWith("/") && parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (isPlain && !path.includes("\0") && path.length < 4096) return path;
  throw bad(image, `"${entry}" is not a plain absolute path`);
}

function bad(image: string, why: string): Stage1Error {
  return new Stage1Error("stage1/bad-image", `Cannot use "${image}" as a stage1: ${why}`, {
    hint: `annotate the image as docs/stage1-contract.md says: ${PREFIX}interface-version, regime, run, enter, stop, gc`,
  });
}
