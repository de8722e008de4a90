import { expect, test } from "bun:test";
import { parseManifest } from "../../image/parse-manifest.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { createRecordingPacing } from "../../testing/registry/recording-pacing.ts";
import { makeTempDirectory } from "../../testing/registry/temp-directory.ts";
import { createTestHttpClient } from "../../testing/registry/test-http-client.ts";
import { writeTestLayout } from "../../testing/registry/write-test-layout.ts";
import { anonymous } from "../credentials.ts";
import { buildSignatureArtifact } from "../signature-artifact.ts";
import { openRegistrySource } from "./open-registry-source.ts";
import { pushSignature } from "./push-signature.ts";
import { createRegistryClient } from "./registry-client.ts";

const HAS_TOOLS = Bun.which("docker-registry") !== null && Bun.which("skopeo") !== null;

async function startRegistry(root: string) {
  const port = 20_000 + (process.pid % 10_000);
  await Bun.write(
    `${root}/config.yml`,
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${root}/data}}\nhttp: {addr: "127.0.0.1:${port}"}\nlog: {level: error, accesslog: {disabled: true}}\n`,
  );
  const child = Bun.spawn(["docker-registry", "serve", `${root}/config.yml`], { stdout: "ignore", stderr: "ignore" });
  const host = `localhost:${port}`;
  for (let tries = 0; tries < 200; tries++) {
    const isUp = await fetch(`http://${host}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    ); // not listening yet
    if (isUp) break;
    await Bun.sleep(25);
  }
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

test.skipIf(!HAS_TOOLS)(
  "openRegistrySource() reads OCI and Docker images from Debian's registry, and signatures it pushed there",
  async () => {
    using dir = makeTempDirectory();
    await using registry = await startRegistry(dir.path);
    const tar = Bun.spawnSync(["tar", "-C", "/etc", "-cf", "-", "hostname"]).stdout;
    writeTestLayout(openFiles(`${dir.path}/layout`), [{ ref: "v1", layer: tar }]);
    const host = { http: createTestHttpClient(), pacing: createRecordingPacing(), credentials: anonymous };
    for (const format of ["oci", "v2s2"]) {
      const image = { host: registry.host, repository: `team/${format}`, plainHttp: true };
      const copy = ["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", `--format=${format}`];
      expect(
        Bun.spawnSync([...copy, `oci:${dir.path}/layout:v1`, `docker://${registry.host}/team/${format}:1`]).exitCode,
      ).toBe(0);
      await using source = openRegistrySource(host, { ...image, reference: "1" });
      const subject = await source.resolve();
      expect(subject.mediaType.includes(format === "oci" ? "oci" : "docker")).toBe(true);
      const manifest = parseManifest(await source.readDocument(subject, 1 << 20), subject.mediaType);
      const [layer] = manifest.layers;
      expect(layer).toBeDefined();
      if (layer === undefined) continue;
      const blob = await source.openBlob(layer, 10);
      let bytes = blob.startedAt;
      for await (const chunk of blob.chunks) bytes += chunk.byteLength;
      expect([blob.startedAt, bytes]).toEqual([10, layer.sizeBytes]);
      expect(await source.findSignatures(subject.digest)).toEqual([]);
      await pushSignature(createRegistryClient(host, image), buildSignatureArtifact(subject, Buffer.from("signed")));
      expect(
        (await source.findSignatures(subject.digest)).map(({ bytes: signature }) => Buffer.from(signature).toString()),
      ).toEqual(["signed"]);
    }
  },
);
