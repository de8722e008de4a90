import { digestOf } from "../../image/digest.ts";
import { OCI_INDEX } from "../../image/media-types.ts";
import type { TestAnswer, TestRequest } from "./http-server.ts";
import type { RegistryContent } from "./registry-content.ts";

/** Which optional parts of the protocol the registry has. */
export interface RegistryFeatures {
  readonly referrersApi: boolean;
  readonly ranges: boolean;
  /** Keeps GPG simple signatures itself, as the one of OpenShift does. */
  readonly signatureStorage?: boolean;
}

const ROUTE = /^\/v2\/(.+)\/(manifests|blobs|referrers|tags)\/(.*)$/;

/**
 * Answers as an honest registry does. Uploads in one piece or in parts; digests are checked.
 * Spec: OCI distribution-spec v1.1.0.
 */
export function answerRegistry(content: RegistryContent, features: RegistryFeatures, request: TestRequest): TestAnswer {
  const supports: Readonly<Record<string, string>> =
    features.signatureStorage === true ? { "x-registry-supports-signatures": "1" } : {};
  if (/^\/v2\/?$/.test(request.url.pathname)) return { status: 200, headers: supports, body: "{}" };
  const stored = /^\/extensions\/v2\/(.+)\/signatures\/(.+)$/.exec(request.url.pathname);
  if (stored !== null && features.signatureStorage === true)
    return answerSignatures(content, request, { name: stored[1] ?? "", digest: stored[2] ?? "" });
  const upload = /^\/v2\/(.+)\/blobs\/uploads\/(.*)$/.exec(request.url.pathname);
  if (upload !== null) return answerUpload(content, request, { name: upload[1] ?? "", id: upload[2] ?? "" });
  const [, name = "", kind = "", rest = ""] = ROUTE.exec(request.url.pathname) ?? [];
  const reference = decodeURIComponent(rest);
  if (kind === "manifests") return answerManifest(content, request, { name, reference, features });
  if (kind === "blobs") return answerBlob(content, request, { name, reference, features });
  if (kind === "tags") return json(200, { name, tags: [...content.repository(name).tags.keys()].sort() });
  if (kind === "referrers" && features.referrersApi) {
    const filter = request.url.searchParams.get("artifactType");
    const headers = {
      "content-type": OCI_INDEX,
      ...(filter === null ? {} : { "oci-filters-applied": "artifactType" }),
    };
    return { status: 200, headers, body: content.referrersOf(name, reference, filter) };
  }
  return { status: 404, body: "404 page not found" };
}

/** Spec: containers/image v5.36, docs/signature-protocols.md. */
function answerSignatures(
  content: RegistryContent,
  request: TestRequest,
  { name, digest }: { readonly name: string; readonly digest: string },
): TestAnswer {
  const kept = content.signaturesOf(name, digest);
  if (request.method !== "PUT") return json(200, { signatures: kept });
  const added = JSON.parse(Buffer.from(request.body).toString()) as { readonly name: string };
  if (!kept.some((one) => one.name === added.name)) kept.push(added);
  return { status: 201, body: "" };
}

interface Target {
  readonly name: string;
  readonly reference: string;
  readonly features: RegistryFeatures;
}

function answerManifest(
  content: RegistryContent,
  request: TestRequest,
  { name, reference, features }: Target,
): TestAnswer {
  if (request.method === "PUT") {
    if (reference.includes(":") && digestOf(request.body) !== reference)
      return error(400, "DIGEST_INVALID", "provided digest did not match");
    const mediaType = request.headers.get("content-type") ?? "";
    const tag = reference.includes(":") ? {} : { tag: reference };
    const digest = content.putManifest(name, { raw: request.body, mediaType, ...tag });
    const subject = (JSON.parse(Buffer.from(request.body).toString()) as { subject?: { digest: string } }).subject
      ?.digest;
    const seen: Record<string, string> =
      features.referrersApi && subject !== undefined ? { "oci-subject": subject } : {};
    return {
      status: 201,
      headers: { location: `/v2/${name}/manifests/${digest}`, "docker-content-digest": digest, ...seen },
    };
  }
  const kept = content.findManifest(name, reference);
  if (kept === undefined) return error(404, "MANIFEST_UNKNOWN", "manifest unknown");
  return {
    status: 200,
    headers: { "content-type": kept.mediaType, "docker-content-digest": kept.digest },
    body: kept.raw,
  };
}

function answerBlob(content: RegistryContent, request: TestRequest, { name, reference, features }: Target): TestAnswer {
  const blob = content.repository(name).blobs.get(reference);
  if (blob === undefined) return error(404, "BLOB_UNKNOWN", "blob unknown to registry");
  const headers = { "content-type": "application/octet-stream", "docker-content-digest": reference };
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "") ?? [];
  if (from === undefined || !features.ranges) return { status: 200, headers, body: blob };
  const start = Number(from);
  if (start >= blob.byteLength) return { status: 416, headers: { "content-range": `bytes */${blob.byteLength}` } };
  const range = `bytes ${start}-${blob.byteLength - 1}/${blob.byteLength}`;
  return { status: 206, headers: { ...headers, "content-range": range }, body: blob.subarray(start) };
}

function answerUpload(
  content: RegistryContent,
  request: TestRequest,
  { name, id }: { readonly name: string; readonly id: string },
): TestAnswer {
  const digest = request.url.searchParams.get("digest");
  const pending = content.repository(`${name}\0uploads`).blobs;
  const [mount, from] = [request.url.searchParams.get("mount"), request.url.searchParams.get("from")];
  const shared = mount === null || from === null ? undefined : content.repositories.get(from)?.blobs.get(mount);
  if (request.method === "POST" && shared !== undefined) {
    content.putBlob(name, shared);
    return { status: 201, headers: { location: `/v2/${name}/blobs/${mount}`, "docker-content-digest": mount ?? "" } };
  }
  if (request.method === "POST" && digest === null) {
    const made = `upload-${pending.size + 1}`;
    pending.set(made, new Uint8Array());
    return { status: 202, headers: { location: `/v2/${name}/blobs/uploads/${made}?state=new`, range: "0-0" } };
  }
  const before = request.method === "POST" ? new Uint8Array() : pending.get(id);
  if (before === undefined) return error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
  const state = { location: `/v2/${name}/blobs/uploads/${id}`, range: `0-${Math.max(0, before.byteLength - 1)}` };
  if (request.method === "GET") return { status: 204, headers: state };
  const [, start] = /^(\d+)-\d+$/.exec(request.headers.get("content-range") ?? "") ?? [];
  if (start !== undefined && Number(start) !== before.byteLength) return { status: 416, headers: state };
  const body = Buffer.concat([before, request.body]);
  if (request.method === "PATCH") {
    pending.set(id, body);
    return { status: 202, headers: { location: `/v2/${name}/blobs/uploads/${id}`, range: `0-${body.byteLength - 1}` } };
  }
  if (digest === null || digestOf(body) !== digest)
    return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
  content.putBlob(name, body);
  return { status: 201, headers: { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest } };
}

function error(status: number, code: string, message: string): TestAnswer {
  return json(status, { errors: [{ code, message, detail: {} }] });
}

function json(status: number, value: unknown): TestAnswer {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}
