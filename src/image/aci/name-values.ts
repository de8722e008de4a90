import type { DocumentCheck } from "../document-check.ts";
import { isTimestamp, readIdentifier } from "./identifier.ts";

/** A label or annotation. */
export interface NameValue {
  readonly name: string;
  readonly value: string;
}

const MAX_ENTRIES = 4096;

/** What the `arch` label may say per `os`. Spec: appc, schema/types/labels.go, `ValidOSArch` at 259c2ee. */
export const OS_ARCH: ReadonlyMap<string, readonly string[]> = new Map([
  ["linux", ["amd64", "i386", "aarch64", "aarch64_be", "armv6l", "armv7l", "armv7b", "ppc64", "ppc64le", "s390x"]],
  ["freebsd", ["amd64", "i386", "arm"]],
  ["darwin", ["x86_64", "i386"]],
]);

/** The value of `name` in a list. */
export function findValue(list: readonly NameValue[], name: string): string | undefined {
  return list.find((one) => one.name === name)?.value;
}

/** Labels: unique, never "name", and an operating system and architecture that fit. Spec: appc 0.8.11, aci.md "labels". */
export function readLabels(check: DocumentCheck, value: unknown, path: string): NameValue[] {
  const labels = readNameValues(check, value, path);
  labels.forEach(({ name }, i) => {
    if (name === "name") check.report(`${path}[${i}].name`, '"name" is not allowed as a label');
  });
  const os = findValue(labels, "os");
  const arch = findValue(labels, "arch");
  if (os === undefined) return labels;
  const known = OS_ARCH.get(os);
  const at = (name: string): string => `${path}[${labels.findIndex((label) => label.name === name)}].value`;
  if (known === undefined) check.report(at("os"), `unknown os, use one of ${[...OS_ARCH.keys()].join(", ")}`);
  else if (arch !== undefined && !known.includes(arch))
    check.report(at("arch"), `unknown arch for ${os}, use one of ${known.join(", ")}`);
  return labels;
}

/** Annotations: unique; the well-known ones have a form. Spec: appc 0.8.11, aci.md "annotations". */
export function readAnnotations(check: DocumentCheck, value: unknown, path: string): NameValue[] {
  const annotations = readNameValues(check, value, path);
  annotations.forEach((annotation, i) => {
    const problem = annotationProblem(annotation);
    if (problem !== undefined) check.report(`${path}[${i}].value`, problem);
  });
  return annotations;
}

function annotationProblem({ name, value }: NameValue): string | undefined {
  switch (name) {
    case "created":
      return isTimestamp(value) ? undefined : "not an RFC 3339 date and time";
    case "homepage":
    case "documentation": {
      const url = URL.parse(value);
      return url !== null && /^https?:$/.test(url.protocol) ? undefined : "not an http or https URL";
    }
    case "appc.io/executor/supports-systemd-notify":
      return value === "true" || value === "false" ? undefined : 'not "true" or "false"';
    default:
      return undefined;
  }
}

function readNameValues(check: DocumentCheck, value: unknown, path: string): NameValue[] {
  const seen = new Set<string>();
  return check.list(value, path, MAX_ENTRIES).map((entry, i) => {
    const fields = check.object(entry, `${path}[${i}]`);
    const name = readIdentifier(check, fields["name"], `${path}[${i}].name`);
    if (name !== "" && seen.has(name)) check.report(`${path}[${i}].name`, `"${name.slice(0, 100)}" is there twice`);
    seen.add(name);
    return { name, value: check.text(fields["value"], `${path}[${i}].value`) };
  });
}
