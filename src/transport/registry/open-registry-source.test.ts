import { expect, test } from "bun:test";
import type { Descriptor } from "../../image/descriptor.ts";
import { parseDigest } from "../../image/digest.ts";
import { OCI_INDEX, OCI_LAYER } from "../../image/media-types.ts";
import { parseManifest } from "../../image/parse-manifest.ts";
import type { FaultAction } from "../../testing/registry/fault.ts";
import { createRecordingPacing } from "../../testing/registry/recording-pacing.ts";
import { putRegistryImage } from "../../testing/registry/registry-image.ts";
import {
  startTestRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from "../../testing/registry/start-test-registry.ts";
import { createTestHttpClient } from "../../testing/registry/test-http-client.ts";
import { choosePlatformManifest } from "../choose-platform-manifest.ts";
import { anonymous, type RegistryCredential } from "../credentials.ts";
import { buildSignatureArtifact, referrersTag } from "../signature-artifact.ts";
import { openRegistrySource } from "./open-registry-source.ts";
import { pushSignature } from "./push-signature.ts";
import { createRegistryClient } from "./registry-client.ts";

const LAYER = Buffer.from("layer bytes ".repeat(1000));
const NAME = "team/app";

interface Setup {
  readonly options?: TestRegistryOptions;
  readonly credential?: RegistryCredential;
  readonly reference?: string;
}

async function setUp({ options, credential, reference }: Setup = {}) {
  const registry = await startTestRegistry(options);
  const put = putRegistryImage(registry.content, { name: NAME, tag: "1.0", layer: LAYER });
  const pacing = createRecordingPacing();
  const host = {
    http: createTestHttpClient(),
    pacing,
    credentials: credential === undefined ? anonymous : { find: async () => credential },
  };
  const address = { host: registry.host, repository: NAME, plainHttp: true };
  const source = openRegistrySource(host, { ...address, reference: reference ?? "1.0" });
  const layer: Descriptor = {
    mediaType: OCI_LAYER,
    digest: parseDigest(put.layer),
    sizeBytes: LAYER.byteLength,
    annotations: {},
  };
  return {
    registry,
    put,
    pacing,
    host,
    address,
    source,
    layer,
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (reason) {
    return (reason as { code?: unknown }).code;
  }
  return "nothing thrown";
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

test("openRegistrySource() reads manifest, config and layer of a tag", async () => {
  await using it = await setUp();
  const descriptor = await it.source.resolve();
  expect(String(descriptor.digest)).toBe(it.put.manifest);
  const raw = await it.source.readDocument(descriptor, 1 << 20);
  expect(Buffer.from(raw)).toEqual(Buffer.from(it.put.manifestRaw));
  const manifest = parseManifest(raw, descriptor.mediaType);
  expect((await it.source.readDocument(manifest.config, 1 << 20)).byteLength).toBe(manifest.config.sizeBytes);
  const blob = await it.source.openBlob(it.layer, 0);
  expect(blob.startedAt).toBe(0);
  expect(await readAll(blob.chunks)).toEqual(LAYER);
  expect(it.registry.requests.length).toBe(3);
});

test("openRegistrySource() resolves a digest and refuses another document under it", async () => {
  await using it = await setUp();
  const source = openRegistrySource(it.host, { ...it.address, reference: it.put.manifest });
  expect(String((await source.resolve()).digest)).toBe(it.put.manifest);
  it.registry.addFault({ match: "/manifests/", does: { kind: "extra-bytes", count: 1 } });
  expect(await codeOf(source.resolve())).toBe("transport/bad-answer");
});

test("openBlob() resumes by range, takes the whole from a registry without ranges, and ends at the end", async () => {
  await using it = await setUp();
  const blob = await it.source.openBlob(it.layer, 5000);
  expect(blob.startedAt).toBe(5000);
  expect(await readAll(blob.chunks)).toEqual(LAYER.subarray(5000));
  const end = await it.source.openBlob(it.layer, LAYER.byteLength);
  expect([end.startedAt, (await readAll(end.chunks)).byteLength]).toEqual([LAYER.byteLength, 0]);
  it.registry.addFault({ match: "/blobs/", times: 1, does: { kind: "status", status: 416 } });
  expect((await it.source.openBlob(it.layer, 5000)).startedAt).toBe(0);
  await using plain = await setUp({ options: { ranges: false } });
  expect((await plain.source.openBlob(plain.layer, 5000)).startedAt).toBe(0);
});

test("openBlob() reports a connection that breaks off in the middle", async () => {
  await using it = await setUp();
  it.registry.addFault({ match: "/blobs/", does: { kind: "cut", afterBytes: 100 } });
  const blob = await it.source.openBlob(it.layer, 0).catch((reason: unknown) => reason as { code: string });
  const code = "chunks" in blob ? await codeOf(readAll(blob.chunks)) : blob.code;
  expect(code).toBe("transport/unavailable");
});

const FAULTS: readonly (readonly [string, FaultAction, string])[] = [
  ["404", { kind: "status", status: 404 }, "transport/not-found"],
  ["401 without challenge", { kind: "status", status: 401 }, "transport/unauthorized"],
  ["403", { kind: "status", status: 403 }, "transport/unauthorized"],
  ["418", { kind: "status", status: 418 }, "transport/bad-answer"],
  ["429", { kind: "status", status: 429 }, "transport/rate-limited"],
  ["429 for an hour", { kind: "status", status: 429, headers: { "retry-after": "3600" } }, "transport/rate-limited"],
  ["500", { kind: "status", status: 500 }, "transport/unavailable"],
  ["503", { kind: "status", status: 503, body: "<html>" }, "transport/unavailable"],
  ["garbage", { kind: "garbage" }, "transport/bad-answer"],
  ["a log-in page", { kind: "html" }, "transport/bad-answer"],
  ["a flipped byte", { kind: "flip-byte" }, "transport/bad-answer"],
  ["a wrong digest header", { kind: "wrong-digest-header" }, "transport/bad-answer"],
  ["extra bytes", { kind: "extra-bytes", count: 3 }, "transport/bad-answer"],
  ["a reset", { kind: "reset" }, "transport/unavailable"],
  ["a cut body", { kind: "cut", afterBytes: 20 }, "transport/unavailable"],
  ["silence", { kind: "never" }, "transport/unavailable"],
];

for (const [name, does, code] of FAULTS) {
  test(`resolve() answers ${name} with ${code}`, async () => {
    await using it = await setUp();
    it.registry.addFault({ match: "/manifests/", does });
    expect(await codeOf(it.source.resolve())).toBe(code);
  });
}

test("resolve() gets over passing faults and backs off exponentially", async () => {
  await using it = await setUp();
  it.registry.addFault({ match: "/manifests/", times: 1, does: { kind: "status", status: 502 } });
  it.registry.addFault({ match: "/manifests/", times: 1, does: { kind: "cut", afterBytes: 20 } });
  it.registry.addFault({
    match: "/manifests/",
    times: 1,
    does: { kind: "status", status: 429, headers: { "retry-after": "7" } },
  });
  expect(String((await it.source.resolve()).digest)).toBe(it.put.manifest);
  expect(it.pacing.delaysMs).toEqual([187.5, 375, 7000]);
});

test("resolve() gives up after five attempts, and at once when told to wait an hour", async () => {
  await using it = await setUp();
  it.registry.addFault({ match: "/manifests/", times: 5, does: { kind: "status", status: 503 } });
  expect(await codeOf(it.source.resolve())).toBe("transport/unavailable");
  expect(it.registry.requests.length).toBe(5);
  it.registry.addFault({
    match: "/manifests/",
    does: { kind: "status", status: 429, headers: { "retry-after": "3600" } },
  });
  expect(await codeOf(it.source.resolve())).toBe("transport/rate-limited");
  expect(it.registry.requests.length).toBe(6);
});

const USER = { kind: "basic", username: "eve", password: "p:ss" } as const;

test("openRegistrySource() logs in with Basic, and says how when it cannot", async () => {
  await using it = await setUp({ options: { auth: USER }, credential: USER });
  await it.source.resolve();
  await using stranger = await setUp({ options: { auth: USER } });
  expect(await codeOf(stranger.source.resolve())).toBe("transport/unauthorized");
});

test("openRegistrySource() gets one bearer token for many requests: with password, identity token, or anonymously", async () => {
  const auth = {
    kind: "bearer",
    username: "eve",
    password: "p:ss",
    identityToken: "secret-1",
    anonymousPull: true,
  } as const;
  for (const credential of [USER, { kind: "identity", token: "secret-1" } as const, undefined]) {
    await using it = await setUp({ options: { auth }, ...(credential === undefined ? {} : { credential }) });
    await it.source.resolve();
    await readAll((await it.source.openBlob(it.layer, 0)).chunks);
    expect(it.registry.requests.filter(({ url }) => url.pathname === "/token").length).toBe(1);
  }
});

test("openRegistrySource() refuses wrong credentials and a token realm that is not https", async () => {
  const auth = { kind: "bearer", username: "eve", password: "other" } as const;
  await using it = await setUp({ options: { auth }, credential: USER });
  expect(await codeOf(it.source.resolve())).toBe("transport/unauthorized");
  await using realm = await setUp({ credential: USER });
  const headers = { "www-authenticate": 'Bearer realm="ftp://localhost/token"' };
  realm.registry.addFault({ match: "/manifests/", does: { kind: "status", status: 401, headers } });
  expect(await codeOf(realm.source.resolve())).toBe("transport/bad-answer");
});

test("choosePlatformManifest() walks a nested index, and names what there is", async () => {
  await using it = await setUp({ reference: "multi" });
  const arm = putRegistryImage(it.registry.content, { name: NAME, tag: "arm", layer: LAYER, architecture: "arm64" });
  const entry = (put: typeof arm, architecture: string) => {
    return {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: put.manifest,
      size: put.manifestRaw.byteLength,
      platform: { os: "linux", architecture },
    };
  };
  const inner = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry(arm, "arm64")] });
  const innerDigest = it.registry.content.putManifest(NAME, { raw: inner, mediaType: OCI_INDEX });
  const outer = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [entry(it.put, "amd64"), { mediaType: OCI_INDEX, digest: innerDigest, size: inner.length }],
  });
  it.registry.content.putManifest(NAME, { raw: outer, mediaType: OCI_INDEX, tag: "multi" });
  const descriptor = await it.source.resolve();
  const chosen = await choosePlatformManifest(it.source, {
    descriptor,
    platform: { os: "linux", architecture: "arm64" },
  });
  expect(String(chosen.digest)).toBe(arm.manifest);
  const s390 = choosePlatformManifest(it.source, { descriptor, platform: { os: "linux", architecture: "s390x" } });
  expect(await codeOf(s390)).toBe("image/no-platform");
});

async function signTwice(it: { registry: TestRegistry } & Awaited<ReturnType<typeof setUp>>) {
  const client = createRegistryClient(it.host, it.address);
  const subject = await it.source.resolve();
  for (const text of ["signature one", "signature two"]) {
    await pushSignature(client, buildSignatureArtifact(subject, Buffer.from(text)));
  }
  return subject;
}

for (const referrersApi of [true, false]) {
  test(`findSignatures() finds pushed signatures ${referrersApi ? "by the referrers API" : "by the fallback tag"}`, async () => {
    await using it = await setUp({ options: { referrersApi } });
    const subject = await signTwice(it);
    const found = await it.source.findSignatures(subject.digest);
    expect(found.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(["signature one", "signature two"]);
    expect(found.every(({ over }) => over === "manifest")).toBe(true);
    expect(it.registry.content.findManifest(NAME, referrersTag(subject.digest)) === undefined).toBe(referrersApi);
    expect(await it.source.findSignatures(parseDigest(it.put.layer))).toEqual([]);
  });
}

test("findSignatures() passes over a broken signature but not over a broken registry", async () => {
  await using it = await setUp();
  const subject = await signTwice(it);
  it.registry.content
    .repository(NAME)
    .blobs.delete([...it.registry.content.repository(NAME).blobs.keys()].at(-1) ?? "");
  expect((await it.source.findSignatures(subject.digest)).length).toBe(1);
  it.registry.addFault({ match: "/referrers/", does: { kind: "status", status: 503 } });
  expect(await codeOf(it.source.findSignatures(subject.digest))).toBe("transport/unavailable");
});
