import { expect, test } from "bun:test";
import type { Descriptor } from "../../image/descriptor.ts";
import { digestOf, parseDigest } from "../../image/digest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../image/media-types.ts";
import type { HttpClient, HttpRequest } from "../../sys/host.ts";
import { createRecordingPacing } from "../../testing/registry/recording-pacing.ts";
import { startTestRegistry } from "../../testing/registry/start-test-registry.ts";
import { createTestHttpClient } from "../../testing/registry/test-http-client.ts";
import { choosePlatformManifest } from "../choose-platform-manifest.ts";
import type { ImageSource } from "../image-source.ts";
import { buildSignatureArtifact } from "../signature-artifact.ts";
import { openRegistrySource } from "./open-registry-source.ts";
import { pushSignature } from "./push-signature.ts";
import { createRegistryClient } from "./registry-client.ts";

const USER = { kind: "basic", username: "eve", password: "secret" } as const;
const SUBJECT: Descriptor = { mediaType: OCI_MANIFEST, digest: digestOf("x"), sizeBytes: 1, annotations: {} };

/** Remembers which Authorization went where. */
function watch(http: HttpClient): HttpClient & { readonly sent: HttpRequest[] } {
  const sent: HttpRequest[] = [];
  return {
    sent,
    send(request, options) {
      sent.push(request);
      return http.send(request, options);
    },
  };
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "nothing thrown",
    (reason: { code?: unknown }) => reason.code,
  );
}

test("pushBlob() gives bytes but no credentials to an upload address on another host", async () => {
  await using registry = await startTestRegistry({ auth: USER });
  await using other = await startTestRegistry();
  const http = watch(createTestHttpClient());
  const host = { http, pacing: createRecordingPacing(), credentials: { find: async () => USER } };
  const client = createRegistryClient(host, { host: registry.host, repository: "app", plainHttp: true });
  const headers = { location: `http://${other.host}/v2/app/blobs/uploads/upload-1` };
  registry.addFault({ match: "/uploads/", method: "POST", does: { kind: "status", status: 202, headers } });
  expect(await codeOf(pushSignature(client, buildSignatureArtifact(SUBJECT, Buffer.from("s"))))).toBe(
    "transport/not-found",
  );
  const toOther = http.sent.filter(({ url }) => url.includes(other.host));
  expect(toOther.length).toBe(1);
  expect(toOther.every(({ headers: sent }) => sent?.["authorization"] === undefined)).toBe(true);
});

test("createAuthenticator() keeps the password from a plain http realm of an https registry", async () => {
  const http = watch({
    send: async (request) => ({
      status: 401,
      headers: new Headers({ "www-authenticate": 'Bearer realm="http://thief.example/token"' }),
      url: request.url,
      readBytes: async () => new Uint8Array(),
      readText: async () => "",
      async *chunks() {},
      discard: async () => undefined,
    }),
  });
  const host = { http, pacing: createRecordingPacing(), credentials: { find: async () => USER } };
  const source = openRegistrySource(host, { host: "r.example", repository: "app", reference: "1", plainHttp: false });
  expect(await codeOf(source.resolve())).toBe("transport/bad-answer");
  expect(http.sent.map(({ url }) => url)).toEqual(["https://r.example/v2/app/manifests/1"]);
});

test("fetchManifest() reads no more than 4 MiB", async () => {
  await using registry = await startTestRegistry();
  const raw = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [],
    annotations: { pad: " ".repeat(5 << 20) },
  });
  registry.content.putManifest("app", { raw, mediaType: OCI_INDEX, tag: "big" });
  const host = {
    http: createTestHttpClient(),
    pacing: createRecordingPacing(),
    credentials: { find: async () => undefined },
  };
  const source = openRegistrySource(host, {
    host: registry.host,
    repository: "app",
    reference: "big",
    plainHttp: true,
  });
  expect(await codeOf(source.resolve())).toBe("transport/bad-answer");
});

/** A source of nothing but indexes. */
function indexSource(documents: ReadonlyMap<string, unknown>): ImageSource {
  return {
    place: "test",
    resolve: async () => SUBJECT,
    readDocument: async ({ digest }) => Buffer.from(JSON.stringify(documents.get(digest))),
    openBlob: async () => ({ startedAt: 0, chunks: (async function* () {})() }),
    findSignatures: async () => [],
    [Symbol.asyncDispose]: async () => undefined,
  };
}

test("choosePlatformManifest() ends at indexes that contain themselves, nest too deep, or are too many", async () => {
  const platform = { os: "linux", architecture: "amd64" };
  const digest = (n: number) => parseDigest(`sha256:${n.toString(16).padStart(64, "0")}`);
  const index = (...of: number[]) => ({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: of.map((n) => ({ mediaType: OCI_INDEX, digest: digest(n), size: 1 })),
  });
  const descriptor: Descriptor = { mediaType: OCI_INDEX, digest: digest(0), sizeBytes: 1, annotations: {} };
  const cases = [
    new Map([[digest(0), index(0)]]),
    new Map([0, 1, 2, 3, 4, 5].map((n) => [digest(n), index(n + 1)])),
    new Map([
      [digest(0), index(...Array.from({ length: 60 }, (_, n) => n + 1))],
      ...Array.from({ length: 60 }, (_, n) => [digest(n + 1), index()] as const),
    ]),
  ];
  for (const documents of cases) {
    expect(await codeOf(choosePlatformManifest(indexSource(documents), { descriptor, platform }))).toBe(
      "image/index-too-deep",
    );
  }
});
