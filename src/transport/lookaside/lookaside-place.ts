import { type Digest, splitDigest } from "../../image/digest.ts";
import { TransportError } from "../errors.ts";
import type { LookasideConfig, LookasideEntry } from "./parse-registries-d.ts";

/** Where root keeps and finds signatures when nothing is configured, as skopeo and podman do. */
const DEFAULT_BASE = "file:///var/lib/containers/sigstore";

/** A directory, or a place on a web server. */
export type LookasidePlace =
  | { readonly kind: "file"; readonly directory: string }
  | { readonly kind: "http"; readonly url: string };

/** An image whose signatures are looked for; scopes from the most specific on. */
export interface LookasideQuery {
  readonly scopes: readonly string[];
  /** Path of the repository, without host. */
  readonly repository: string;
  readonly digest: Digest;
  readonly write: boolean;
}

/**
 * The place that holds `signature-1`, `signature-2` … of a manifest. The longest namespace that says anything counts;
 * writing prefers a staging place. Pure.
 * @throws {TransportError} "transport/bad-lookaside" for a URL of another kind.
 */
export function lookasidePlace(config: LookasideConfig, query: LookasideQuery): LookasidePlace {
  const entries = [...query.scopes.map((scope) => config.docker.get(scope)), config.fallback];
  const base = entries.map((entry) => baseOf(entry, query.write)).find((one) => one !== undefined) ?? DEFAULT_BASE;
  const { algorithm, hex } = splitDigest(query.digest);
  const rest = `/${query.repository}@${algorithm}=${hex}`;
  const url = URL.parse(base);
  if (url?.protocol === "file:" && url.host === "") {
    const directory = `${decodeURIComponent(url.pathname)}${rest}`.replaceAll(/\/{2,}/g, "/");
    return { kind: "file", directory };
  }
  if (url?.protocol === "https:" || url?.protocol === "http:") {
    url.pathname = `${url.pathname.replace(/\/+$/, "")}${rest}`;
    return { kind: "http", url: url.href };
  }
  throw new TransportError("transport/bad-lookaside", `Cannot use lookaside "${base}": not a file, http or https URL`, {
    hint: "correct it in registries.d: file:///DIRECTORY or https://HOST/PATH",
  });
}

function baseOf(entry: LookasideEntry | undefined, write: boolean): string | undefined {
  return write ? (entry?.staging ?? entry?.lookaside) : entry?.lookaside;
}
