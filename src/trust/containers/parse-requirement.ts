import { parseDockerReference } from "./docker-reference.ts";
import type { ContainersRequirement, IdentityMatch, KeySource, SigstoreSigner } from "./policy.ts";
import { readSources } from "./read-key-sources.ts";
import { type At, strictFields, textField } from "./strict-fields.ts";

type Fields = ReadonlyMap<string, unknown>;

const KEY_TYPES = ["GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs"];
const GPG_KEYS = ["keyPath", "keyPaths", "keyData"];
const SIGSTORE_KEYS = ["keyPath", "keyPaths", "keyData", "keyDatas"];
const REKOR_KEYS = ["rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"];
const DEFAULT_MATCH: IdentityMatch = { type: "matchRepoDigestOrExact" };

/** One requirement; what is wrong goes to `at.problems`. Spec: containers-policy.json(5), "Policy Requirements". */
export function parseRequirement(value: unknown, at: At): readonly ContainersRequirement[] {
  const type = typeOf(value);
  switch (type) {
    case "insecureAcceptAnything":
    case "reject":
      strictFields(value, at, ["type"]);
      return [{ type }];
    case "signedBaseLayer":
      parseMatch(strictFields(value, at, ["type", "baseLayerIdentity"]).get("baseLayerIdentity"), {
        ...at,
        path: `${at.path}.baseLayerIdentity`,
      });
      return [{ type }];
    case "signedBy":
      return parseSignedBy(strictFields(value, at, ["type", "keyType", "signedIdentity", ...GPG_KEYS]), at);
    case "sigstoreSigned": {
      const known = ["type", "fulcio", "pki", "signedIdentity", ...SIGSTORE_KEYS, ...REKOR_KEYS];
      return parseSigstoreSigned(strictFields(value, at, known), at);
    }
    default:
      at.problems.push(`${at.path}.type: unknown requirement ${JSON.stringify(type)?.slice(0, 100)}`);
      return [];
  }
}

function typeOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
}

function parseSignedBy(fields: Fields, at: At): readonly ContainersRequirement[] {
  const keyType = textField(fields, "keyType", at);
  if (keyType !== "" && !KEY_TYPES.includes(keyType)) at.problems.push(`${at.path}.keyType: unknown key type`);
  const keys = readSources(fields, GPG_KEYS, at);
  if (keys === undefined) at.problems.push(`${at.path}: exactly one of ${GPG_KEYS.join(", ")} must be given`);
  return [{ type: "signedBy", keyType, keys: keys ?? [], identity: readIdentity(fields, at) }];
}

function parseSigstoreSigned(fields: Fields, at: At): readonly ContainersRequirement[] {
  const keys = readSources(fields, SIGSTORE_KEYS, at);
  const rekorKeys = readSources(fields, REKOR_KEYS, at);
  const given = [keys !== undefined, fields.has("fulcio"), fields.has("pki")].filter(Boolean).length;
  if (given !== 1)
    at.problems.push(`${at.path}: exactly one of ${SIGSTORE_KEYS.join(", ")}, fulcio and pki must be given`);
  if (fields.has("fulcio") && rekorKeys === undefined)
    at.problems.push(`${at.path}: fulcio needs one of ${REKOR_KEYS.join(", ")}`);
  if (fields.has("pki") && rekorKeys !== undefined) at.problems.push(`${at.path}: pki excludes Rekor keys`);
  const signer = readSigner(fields, keys, at);
  if (signer === undefined) return [];
  return [{ type: "sigstoreSigned", signer, rekorKeys: rekorKeys ?? [], identity: readIdentity(fields, at) }];
}

function readSigner(fields: Fields, keys: readonly KeySource[] | undefined, at: At): SigstoreSigner | undefined {
  if (keys !== undefined) return { kind: "keys", keys };
  if (fields.has("fulcio")) return readFulcio(fields.get("fulcio"), { ...at, path: `${at.path}.fulcio` });
  return fields.has("pki") ? readPki(fields.get("pki"), { ...at, path: `${at.path}.pki` }) : undefined;
}

function readFulcio(value: unknown, at: At): SigstoreSigner | undefined {
  const fields = strictFields(value, at, ["caPath", "caData", "oidcIssuer", "subjectEmail"]);
  const [ca] = readSources(fields, ["caPath", "caData"], at) ?? [];
  const [oidcIssuer, subjectEmail] = [textField(fields, "oidcIssuer", at), textField(fields, "subjectEmail", at)];
  if (ca !== undefined) return { kind: "fulcio", ca, oidcIssuer, subjectEmail };
  at.problems.push(`${at.path}: one of caPath and caData must be given`);
  return undefined;
}

function readPki(value: unknown, at: At): SigstoreSigner | undefined {
  const [rootNames, middleNames] = [
    ["caRootsPath", "caRootsData"],
    ["caIntermediatesPath", "caIntermediatesData"],
  ];
  const fields = strictFields(value, at, [...rootNames, ...middleNames, "subjectEmail", "subjectHostname"]);
  const [roots] = readSources(fields, rootNames, at) ?? [];
  const [intermediates] = readSources(fields, middleNames, at) ?? [];
  const names = ["subjectEmail", "subjectHostname"].filter((name) => fields.has(name));
  if (names.length === 0) at.problems.push(`${at.path}: one of subjectEmail and subjectHostname must be given`);
  const subjects = Object.fromEntries(names.map((name) => [name, textField(fields, name, at)]));
  if (roots !== undefined)
    return { kind: "pki", roots, ...(intermediates === undefined ? {} : { intermediates }), ...subjects };
  at.problems.push(`${at.path}: one of caRootsPath and caRootsData must be given`);
  return undefined;
}

function readIdentity(fields: Fields, at: At): IdentityMatch {
  if (!fields.has("signedIdentity")) return DEFAULT_MATCH;
  return parseMatch(fields.get("signedIdentity"), { ...at, path: `${at.path}.signedIdentity` });
}

function parseMatch(value: unknown, at: At): IdentityMatch {
  const type = typeOf(value);
  switch (type) {
    case "matchExact":
    case "matchRepoDigestOrExact":
    case "matchRepository":
      strictFields(value, at, ["type"]);
      return { type };
    case "exactReference": {
      const dockerReference = textField(strictFields(value, at, ["type", "dockerReference"]), "dockerReference", at);
      const parsed = parseDockerReference(dockerReference);
      if (parsed === undefined || (parsed.tag === undefined && parsed.digest === undefined))
        at.problems.push(`${at.path}.dockerReference: must be a docker reference with a tag or digest`);
      return { type, dockerReference };
    }
    case "exactRepository": {
      const dockerRepository = textField(strictFields(value, at, ["type", "dockerRepository"]), "dockerRepository", at);
      if (parseDockerReference(dockerRepository) === undefined)
        at.problems.push(`${at.path}.dockerRepository: must be a docker repository`);
      return { type, dockerRepository };
    }
    case "remapIdentity": {
      const fields = strictFields(value, at, ["type", "prefix", "signedPrefix"]);
      return { type, prefix: readPrefix(fields, "prefix", at), signedPrefix: readPrefix(fields, "signedPrefix", at) };
    }
    default:
      at.problems.push(`${at.path}.type: unknown identity match ${JSON.stringify(type)?.slice(0, 100)}`);
      return DEFAULT_MATCH;
  }
}

const PREFIX =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

function readPrefix(fields: Fields, name: string, at: At): string {
  const text = textField(fields, name, at);
  if (text !== "" && !PREFIX.test(text))
    at.problems.push(`${at.path}.${name}: must be a host, a namespace or a repository, without tag and digest`);
  return text;
}
