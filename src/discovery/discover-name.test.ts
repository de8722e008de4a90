import { expect, test } from "bun:test";
import { createCertificateAuthority } from "../testing/certificate-authority.ts";
import { discoveryPage, startDiscoveryServer } from "../testing/discovery-server.ts";
import { makeTempDirectory } from "../testing/registry/temp-directory.ts";
import { createTestHttpClient } from "../testing/registry/test-http-client.ts";
import { discoverName } from "./discover-name.ts";

const PLATFORM = { os: "linux", arch: "amd64" };

async function setUp() {
  const authority = await createCertificateAuthority(Date.now());
  const server = await startDiscoveryServer({ tls: await authority.issue(["localhost"]) });
  const dir = makeTempDirectory();
  await Bun.write(`${dir.path}/ca.pem`, authority.certPem);
  const http = createTestHttpClient({ caFile: `${dir.path}/ca.pem` });
  const end = async () => {
    dir[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
  };
  return { server, http, host: `localhost:${server.port}`, [Symbol.asyncDispose]: end };
}

test("discoverName() finds archives, registries and keys over verified https, in order", async () => {
  await using it = await setUp();
  it.server.serve(
    "/team/app",
    discoveryPage([
      ["ac-discovery", `${it.host}/team https://${it.host}/files/{name}-{version}-{os}-{arch}.{ext}`],
      ["ac-discovery", `${it.host}/team https://${it.host}/files/{unknown}`],
      ["ac-discovery", `${it.host}/tea https://${it.host}/wrong`],
      ["ac-discovery", `${it.host}/team http://${it.host}/plain`],
      ["ac-discovery", `${it.host} docker://${it.host}/images/app:{version}`],
      ["ac-discovery-pubkeys", `${it.host} https://${it.host}/keys.asc`],
    ]),
  );
  const url = `https://${it.host}/files/${it.host}/team/app-1.2-linux-amd64.oci.tar`;
  const aci = url.replace("oci.tar", "aci");
  expect(await discoverName(it, { name: `${it.host}/team/app`, version: "1.2", ...PLATFORM })).toEqual({
    steps: [{ url: `https://${it.host}/team/app?ac-discovery=1`, status: 200, outcome: "found 3 endpoints and 1 key" }],
    endpoints: [
      { kind: "archive", url, signatureUrl: `${url}.asc` },
      { kind: "archive", url: aci, signatureUrl: `${aci}.asc` },
      { kind: "registry", argument: `docker://${it.host}/images/app:1.2` },
    ],
    pubkeys: [`https://${it.host}/keys.asc`],
  });
});

test("discoverName() walks up to the host and reports every step", async () => {
  await using it = await setUp();
  it.server.serve("/team", discoveryPage([["ac-discovery", `${it.host}/other https://${it.host}/x`]]));
  it.server.serve("/", discoveryPage([["ac-discovery", `${it.host} https://${it.host}/{version}.{ext}`]]));
  const found = await discoverName(it, { name: `${it.host}/team/app`, ...PLATFORM });
  expect(found.steps.map(({ outcome }) => outcome)).toEqual([
    "the host answered 404",
    "no matching tag",
    "found 2 endpoints and 0 keys",
  ]);
  expect(found.endpoints).toMatchObject([
    { url: `https://${it.host}/latest.oci.tar` },
    { url: `https://${it.host}/latest.aci` },
  ]);
});

test("discoverName() finds nothing without failing, also from a host that is not there", async () => {
  await using it = await setUp();
  expect((await discoverName(it, { name: `${it.host}/app`, ...PLATFORM })).endpoints).toEqual([]);
  const gone = await discoverName(it, { name: "localhost:1/app", ...PLATFORM, allowHttp: true });
  expect(gone.endpoints).toEqual([]);
  expect(gone.steps.length).toBe(4);
});

test("discoverName() does not believe a server whose certificate nobody vouches for", async () => {
  await using it = await setUp();
  it.server.serve("/app", discoveryPage([["ac-discovery", `${it.host} https://${it.host}/x`]]));
  const found = await discoverName({ http: createTestHttpClient() }, { name: `${it.host}/app`, ...PLATFORM });
  expect(found.endpoints).toEqual([]);
});

test("discoverName() refuses what is no name", async () => {
  for (const name of ["", "host/../x", "host/a b", "host//x", "user@host/x", `host${"/a".repeat(20)}`]) {
    const code = await discoverName({ http: createTestHttpClient() }, { name, ...PLATFORM }).catch(
      (reason: { code: string }) => reason.code,
    );
    expect(code).toBe("discovery/bad-name");
  }
});

test("discoverName() names architectures in appc's words for App Container Images only", async () => {
  await using it = await setUp();
  it.server.serve("/app", discoveryPage([["ac-discovery", `${it.host} https://${it.host}/{arch}.{ext}`]]));
  const found = await discoverName(it, { name: `${it.host}/app`, os: "linux", arch: "arm64" });
  expect(found.endpoints).toMatchObject([
    { url: `https://${it.host}/arm64.oci.tar` },
    { url: `https://${it.host}/aarch64.aci` },
  ]);
});
