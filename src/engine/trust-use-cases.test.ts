import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import "../testing/to-throw-code.ts";
import { createCertificateAuthority } from "../testing/certificate-authority.ts";
import { discoveryPage, startDiscoveryServer } from "../testing/discovery-server.ts";
import { listEvents } from "./list-events.ts";
import { listKeys } from "./list-keys.ts";
import { planTrustAdd } from "./plan-trust-add.ts";
import { removeKey } from "./remove-key.ts";
import { revokeKey } from "./revoke-key.ts";
import { aPublisher, openTestWorld } from "./test-world.suite.ts";

const scope = { kind: "prefix", prefix: "example.com/app" } as const;

test("planTrustAdd() stores nothing before add(), then lists, removes and revokes with an event each", async () => {
  using world = openTestWorld();
  const { ctx, dir } = world;
  const key = await aPublisher();
  writeFileSync(`${dir}/key.asc`, key.publicKey);
  const plan = await planTrustAdd(ctx, { key: `${dir}/key.asc`, scope });
  expect(plan.keys).toMatchObject([{ fingerprint: key.fingerprint, from: `${dir}/key.asc` }]);
  expect(await listKeys(ctx)).toEqual([]);
  await plan.add();
  expect(await listKeys(ctx)).toMatchObject([
    { scope, state: "valid", from: `${dir}/admin/trustedkeys/prefix.d/example.com/app/${key.fingerprint}` },
  ]);
  await revokeKey(ctx, { fingerprint: key.fingerprint, reason: "lost" });
  expect(await listKeys(ctx)).toMatchObject([{ state: "revoked", reason: "lost" }]);
  await expect(planTrustAdd(ctx, { key: `${dir}/key.asc`, scope })).rejects.toThrowCode("trust/key-revoked");
  expect(await removeKey(ctx, { fingerprint: key.fingerprint.toUpperCase(), scope })).toHaveLength(1);
  await expect(removeKey(ctx, { fingerprint: key.fingerprint })).rejects.toThrowCode("trust/not-found");
  await expect(revokeKey(ctx, { fingerprint: "abcd", reason: "" })).rejects.toThrowCode("trust/bad-key");
  const kinds = (await listEvents(ctx, { kinds: [] })).map((event) => event.kind);
  expect(kinds).toEqual(["audit.started", "trust.key-added", "trust.key-revoked", "trust.key-removed"]);
  expect(await listEvents(ctx, { kinds: ["trust.key-revoked"], tail: 5 })).toMatchObject([
    { data: { reason: "lost" } },
  ]);
  expect((await listEvents(ctx, { kinds: [], tail: 1 })).map((event) => event.kind)).toEqual(["trust.key-removed"]);
  await expect(listEvents(ctx, { kinds: [], since: "yesterday" })).rejects.toThrowCode("engine/bad-input");
});

test("planTrustAdd() discovers keys over https, and reads none over http unless allowed", async () => {
  using world = openTestWorld([]);
  const authority = await createCertificateAuthority(Date.now());
  await using server = await startDiscoveryServer({ tls: await authority.issue(["localhost"]) });
  writeFileSync(`${world.dir}/ca.pem`, authority.certPem);
  const key = await aPublisher();
  const host = `localhost:${server.port}`;
  server.serve("/keys.asc", { body: key.publicKey });
  server.serve("/app", discoveryPage([["ac-discovery-pubkeys", `${host} https://${host}/keys.asc`]]));
  const ctx = world.with({ insecure: [], caFiles: [`${world.dir}/ca.pem`] });
  const plan = await planTrustAdd(ctx, { scope: { kind: "prefix", prefix: `${host}/app` } });
  expect(plan.keys.map((one) => one.from)).toEqual([`https://${host}/keys.asc`]);
  await expect(planTrustAdd(ctx, { scope: { kind: "prefix", prefix: `${host}/other` } })).rejects.toThrowCode(
    "trust/not-found",
  );
  await expect(planTrustAdd(ctx, { key: "http://localhost:1/key", scope })).rejects.toThrowCode("trust/bad-key");
  const unchecked = world.with({ insecure: ["tls"] });
  await expect(planTrustAdd(unchecked, { key: `https://${host}/keys.asc`, scope })).rejects.toThrowCode(
    "trust/bad-key",
  );
  await expect(planTrustAdd(ctx, { scope: { kind: "root" } })).rejects.toThrowCode("trust/not-found");
});
