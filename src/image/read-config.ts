import { decodeDocument } from "./decode-document.ts";
import type { Digest } from "./digest.ts";
import { DocumentCheck, type JsonObject } from "./document-check.ts";
import type { ExposedPort, ImageConfig } from "./image-config.ts";
import { MAX_LAYERS } from "./read-manifest.ts";

/** The shape OCI and Docker image configs share. Used by `oci/config.ts` and `docker/config.ts` only. */
export function readConfig(raw: Uint8Array): ImageConfig {
  const check = new DocumentCheck("image/bad-config", "image config");
  const fields = check.object(decodeDocument(raw, "image/bad-config", "image config"), "");
  const run =
    fields["config"] === undefined || fields["config"] === null ? {} : check.object(fields["config"], "config");
  const created = check.text(fields["created"], "created", "");
  const variant = check.text(fields["variant"], "variant", "");
  const config: ImageConfig = {
    platform: {
      os: check.text(fields["os"], "os"),
      architecture: check.text(fields["architecture"], "architecture"),
      ...(variant === "" ? {} : { variant }),
    },
    diffIds: readDiffIds(check, fields),
    entrypoint: check.texts(run["Entrypoint"], "config.Entrypoint"),
    cmd: check.texts(run["Cmd"], "config.Cmd"),
    env: readEnv(check, run),
    user: check.text(run["User"], "config.User", ""),
    workingDir: readWorkingDir(check, run),
    volumes: check.keys(run["Volumes"], "config.Volumes"),
    exposedPorts: check.keys(run["ExposedPorts"], "config.ExposedPorts").flatMap((key) => readPort(check, key)),
    labels: check.textMap(run["Labels"], "config.Labels"),
    stopSignal: check.text(run["StopSignal"], "config.StopSignal", ""),
    ...(created === "" ? {} : { createdAt: created }),
  };
  check.finish();
  return config;
}

function readDiffIds(check: DocumentCheck, fields: JsonObject): Digest[] {
  const rootfs = check.object(fields["rootfs"], "rootfs");
  if (rootfs["type"] !== "layers") check.report("rootfs.type", 'not "layers"');
  return check
    .list(rootfs["diff_ids"], "rootfs.diff_ids", MAX_LAYERS)
    .map((diffId, i) => check.digest(diffId, `rootfs.diff_ids[${i}]`));
}

function readEnv(check: DocumentCheck, run: JsonObject): string[] {
  const env = check.texts(run["Env"], "config.Env");
  env.forEach((entry, i) => {
    if (entry.indexOf("=") < 1) check.report(`config.Env[${i}]`, "not NAME=value");
  });
  return env;
}

function readWorkingDir(check: DocumentCheck, run: JsonObject): string {
  const dir = check.text(run["WorkingDir"], "config.WorkingDir", "");
  if (dir === "") return "/";
  // Some builders write it without the leading slash; every engine reads it from the root.
  return dir.startsWith("/") ? dir : `/${dir}`;
}

function readPort(check: DocumentCheck, key: string): ExposedPort[] {
  const [, digits, protocol = "tcp"] = /^([0-9]{1,5})(?:\/(tcp|udp|sctp))?$/.exec(key.toLowerCase()) ?? [];
  const port = Number(digits);
  if (port >= 1 && port <= 65535)
    return [{ port, protocol: protocol === "udp" || protocol === "sctp" ? protocol : "tcp" }];
  // A range is legal in Dockerfiles and ends up here as it was; it only documents, so it is not worth a refusal.
  if (/^[0-9]{1,5}-[0-9]{1,5}(\/(tcp|udp|sctp))?$/.test(key)) return [];
  check.report(`config.ExposedPorts.${key}`, "not port[/tcp|udp|sctp]");
  return [];
}
