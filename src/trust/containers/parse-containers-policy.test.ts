import { expect, test } from "bun:test";
import { parseContainersPolicy } from "./parse-containers-policy.ts";

const parse = (document: unknown) =>
  parseContainersPolicy(new TextEncoder().encode(typeof document === "string" ? document : JSON.stringify(document)));
const reject = [{ type: "reject" }];
const signedBy = (more: object = {}) => ({ type: "signedBy", keyType: "GPGKeys", keyPath: "/k", ...more });
const sigstore = (more: object) => ({ type: "sigstoreSigned", ...more });
const requirement = (one: unknown) => parse({ default: [one] });

test.each<[string, unknown]>([
  ["the least", { default: reject }],
  [
    "every transport",
    { default: reject, transports: { docker: { "": reject, "*.example.com": reject }, oci: { "/a/b": reject } } },
  ],
  ["transports nobody knows", { default: reject, transports: { future: { "any thing": reject } } }],
  ["several requirements", { default: [{ type: "insecureAcceptAnything" }, signedBy()] }],
  ["keyPaths", { default: [{ type: "signedBy", keyType: "GPGKeys", keyPaths: ["/a", "/b"] }] }],
  ["keyData", { default: [{ type: "signedBy", keyType: "GPGKeys", keyData: "AAAA" }] }],
  ["signedBaseLayer", { default: [{ type: "signedBaseLayer", baseLayerIdentity: { type: "matchExact" } }] }],
  ["sigstore keyDatas", { default: [sigstore({ keyDatas: ["AAAA", "BBBB"], rekorPublicKeyPaths: ["/r"] })] }],
  [
    "fulcio",
    {
      default: [
        sigstore({
          fulcio: { caPath: "/ca", oidcIssuer: "https://i", subjectEmail: "a@b" },
          rekorPublicKeyData: "AAAA",
        }),
      ],
    },
  ],
  ["pki", { default: [sigstore({ pki: { caRootsPath: "/ca", subjectHostname: "h.example.com" } })] }],
  ...["matchExact", "matchRepoDigestOrExact", "matchRepository"].map((type): [string, unknown] => [
    type,
    { default: [signedBy({ signedIdentity: { type } })] },
  ]),
  [
    "exactReference",
    { default: [signedBy({ signedIdentity: { type: "exactReference", dockerReference: "busybox:1" } })] },
  ],
  [
    "exactRepository",
    { default: [signedBy({ signedIdentity: { type: "exactRepository", dockerRepository: "a.io/b" } })] },
  ],
  [
    "remapIdentity",
    {
      default: [
        signedBy({ signedIdentity: { type: "remapIdentity", prefix: "m.io:5000/x", signedPrefix: "docker.io" } }),
      ],
    },
  ],
])("parseContainersPolicy() reads %s", (_title, document) => {
  expect(parse(document).problems).toEqual([]);
});

test.each<[string, unknown, string]>([
  ["no JSON", "{", "Cannot read JSON"],
  ["a key twice", '{"default":[{"type":"reject"}],"default":[{"type":"reject"}]}', "occurs twice"],
  ["no default", {}, "$.default"],
  ["an empty list", { default: [] }, "$.default"],
  ["an unknown field", { default: reject, extra: 1 }, "$.extra: unknown field"],
  ["an unknown type", { default: [{ type: "signedTwice" }] }, "$.default[0].type"],
  ["no object", { default: ["reject"] }, "$.default[0].type"],
  ["a field too many in reject", { default: [{ type: "reject", why: "" }] }, "$.default[0].why"],
  [
    "a scope of docker-archive",
    { default: reject, transports: { "docker-archive": { "/a": reject } } },
    "only the scope",
  ],
  ["a relative path", { default: reject, transports: { oci: { "a/b": reject } } }, "absolute path"],
  ["the root as scope", { default: reject, transports: { dir: { "/": reject } } }, "absolute path"],
  ["a path with dots", { default: reject, transports: { dir: { "/a/../b": reject } } }, "absolute path"],
])("parseContainersPolicy() refuses %s", (_title, document, problem) => {
  expect(parse(document).problems.join("\n")).toContain(problem);
});

test.each<[string, unknown, string]>([
  ["no keyType", { type: "signedBy", keyPath: "/k" }, "keyType"],
  ["another keyType", signedBy({ keyType: "SSH" }), "keyType"],
  ["no key", { type: "signedBy", keyType: "GPGKeys" }, "exactly one of"],
  ["two kinds of key", signedBy({ keyData: "AAAA" }), "only one of"],
  ["a relative key", signedBy({ keyPath: "k" }), "absolute path"],
  ["bad base64", { type: "signedBy", keyType: "GPGKeys", keyData: "%" }, "base64"],
  ["keyDatas, which only sigstore has", signedBy({ keyDatas: ["AAAA"] }), "keyDatas: unknown field"],
  ["an unknown match", signedBy({ signedIdentity: { type: "matchAny" } }), "signedIdentity.type"],
  ["a match with a field too many", signedBy({ signedIdentity: { type: "matchExact", x: 1 } }), "signedIdentity.x"],
  [
    "exactReference without tag",
    signedBy({ signedIdentity: { type: "exactReference", dockerReference: "a.io/b" } }),
    "tag",
  ],
  [
    "a prefix with a tag",
    signedBy({ signedIdentity: { type: "remapIdentity", prefix: "a.io/b:1", signedPrefix: "c.io" } }),
    "prefix",
  ],
  ["no sigstore key", sigstore({}), "exactly one of"],
  ["keys and fulcio", sigstore({ keyPath: "/k", fulcio: {}, rekorPublicKeyPath: "/r" }), "exactly one of"],
  ["fulcio without Rekor", sigstore({ fulcio: { caPath: "/c", oidcIssuer: "i", subjectEmail: "e" } }), "fulcio needs"],
  [
    "fulcio without issuer",
    sigstore({ fulcio: { caPath: "/c", subjectEmail: "e" }, rekorPublicKeyPath: "/r" }),
    "oidcIssuer",
  ],
  ["pki with Rekor", sigstore({ pki: { caRootsPath: "/c", subjectEmail: "e" }, rekorPublicKeyPath: "/r" }), "excludes"],
  ["pki without subject", sigstore({ pki: { caRootsPath: "/c" } }), "subjectEmail"],
])("parseContainersPolicy() refuses a requirement with %s", (_title, one, problem) => {
  expect(requirement(one).problems.join("\n")).toContain(problem);
});
