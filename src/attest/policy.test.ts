import { expect, test } from "bun:test";
import type { LogRecord } from "../audit/log/record.ts";
import { violations } from "./fleet/judge.ts";
import { isImageAllowed, parsePolicy, rulesFor } from "./policy.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

test("parsePolicy() reads rules for all and for single nodes", () => {
  const policy = parsePolicy('{"regimes": ["systemd"], "nodes": {"edge": {"regimes": ["fly"]}}}', "p.json");
  expect([rulesFor(policy, "a").regimes, rulesFor(policy, "edge").regimes]).toEqual([["systemd"], ["fly"]]);
});

test.each([
  "",
  "[]",
  '{"image": []}',
  '{"images": [{"name": "a", "prefix": "b"}]}',
  '{"images": [{"prefix": "a/"}]}',
  '{"images": [{"digest": "sha256:12"}]}',
  '{"regimes": "systemd"}',
  '{"regimes": [], "regimes": []}',
  '{"nodes": {"a": {"nodes": {}}}}',
])("parsePolicy() refuses %s", (text) => expect(() => parsePolicy(text, "p.json")).toThrowCode("attest/bad-policy"));

test("isImageAllowed() ends prefixes at whole components", () => {
  const allowed = (name: string) => isImageAllowed([{ prefix: "example.com/etcd" }], { name, digest: DIGEST });
  expect(
    ["example.com/etcd", "example.com/etcd:1", "example.com/etcd/x", "example.com/etcd-foo:1", "example.com/e"].map(
      allowed,
    ),
  ).toEqual([true, true, true, false, false]);
  expect(isImageAllowed([{ digest: DIGEST }], { name: "other", digest: DIGEST })).toBe(true);
  expect(isImageAllowed([], { name: "x", digest: DIGEST })).toBe(false);
});

function record(content: LogRecord["content"]): LogRecord {
  return { recnum: 7, digests: [{ hashAlg: "sha256", digest: "" }], content_type: "gantry", content };
}

test("violations() judges what ran, by image, key, regime and switched-off checks", () => {
  const started = record({
    type: "pod.started",
    stage1: "fly",
    apps: [{ app: "a", image: { name: "x:1", digest: DIGEST } }],
  });
  const none = () => [];
  expect(violations(started, {}, none)).toEqual([]);
  expect(violations(started, { images: [{ name: "x:1" }], keys: ["K"], regimes: ["fly"] }, () => ["K"])).toEqual([]);
  expect(violations(started, { images: [], keys: ["K"], regimes: ["systemd"] }, none)).toHaveLength(3);
  const restored = record({ ...started.content, type: "pod.restored" });
  expect(violations(restored, { images: [], keys: ["K"], regimes: ["systemd"] }, none)).toHaveLength(3);
  expect(
    violations(record({ type: "image.fetched", image: { name: "x", digest: DIGEST } }), { images: [] }, none),
  ).toEqual([]);
  const insecure = record({ type: "insecure.used", options: ["image", "tls"] });
  expect(violations(insecure, { insecureOptions: ["image"] }, none)).toEqual(["insecure options are not allowed: tls"]);
  const odd = [null, 3, { image: null }, { image: { digest: 5 } }];
  expect(violations(record({ type: "pod.started", apps: odd, stage1: {} }), { images: [], keys: [] }, none)).toEqual(
    [],
  );
});
