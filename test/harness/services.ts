import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CertificateAuthority, createCertificateAuthority } from "../../src/testing/certificate-authority.ts";
import { type DiscoveryServer, startDiscoveryServer } from "../../src/testing/discovery-server.ts";
import {
  startTestRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from "../../src/testing/registry/start-test-registry.ts";
import type { World } from "./world.ts";

/** Servers of one world, all on loopback and over TLS from one authority. */
export interface Services {
  readonly authority: CertificateAuthority;
  /** The authority's certificate as a file; the world's calls already trust it. */
  readonly caFile: string;
  readonly discovery: DiscoveryServer;
  readonly registry: TestRegistry;
}

/** Starts authority, discovery server and registry; they end with the world. */
export async function startServices(world: World, options: Omit<TestRegistryOptions, "tls"> = {}): Promise<Services> {
  const authority = await createCertificateAuthority(Date.now());
  const caFile = join(world.dir, "ca.pem");
  writeFileSync(caFile, authority.certPem);
  world.env.set("GANTRY_CA_FILE", caFile);
  const tls = await authority.issue(["localhost"]);
  const discovery = world.use(await startDiscoveryServer({ tls }));
  const registry = world.use(await startTestRegistry({ ...options, tls }));
  return { authority, caFile, discovery, registry };
}
