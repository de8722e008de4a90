import { discoverName } from "../discovery/discover-name.ts";
import { hostPlatform } from "../image/platform.ts";
import { type PlannedKey, planKeyAdd } from "../trust/add-key.ts";
import { addKey } from "../trust/edit-keyring.ts";
import { TrustError } from "../trust/errors.ts";
import { openKeyring } from "../trust/keyring.ts";
import { readKeyFile } from "../trust/read-key-file.ts";
import { formatScope } from "../trust/scope.ts";
import type { EngineContext } from "./context.ts";
import type { KeySummary, TrustPlan, TrustScope } from "./engine-calls.ts";
import { type KeySource, readKeySource } from "./read-key-source.ts";
import { adminFiles, trustLayers } from "./trust-layers.ts";
import { toScope } from "./trust-scope.ts";

interface PlanOptions {
  readonly signal?: AbortSignal;
}

/**
 * `trust add`, up to the question: reads the keys (file, https URL, or announced by the prefix through
 * `ac-discovery-pubkeys`) and checks that all of them may be trusted. Only `add()` stores them, each after its event.
 * @throws {TrustError} "trust/bad-key", "trust/key-expired", "trust/key-revoked", "trust/weak-key", "trust/bad-scope",
 * "trust/not-found" when nothing was discovered; {DiscoveryError}; {SysError}
 */
export async function planTrustAdd(
  ctx: EngineContext,
  input: { readonly key?: string; readonly scope: TrustScope },
  options: PlanOptions = {},
): Promise<TrustPlan> {
  const scope = toScope(input.scope);
  const sources =
    input.key === undefined
      ? await discoverKeys(ctx, input.scope, options)
      : [await readKeySource(ctx, input.key, options)];
  const keyring = openKeyring(trustLayers(ctx));
  const atMs = ctx.clock.nowMs();
  const planned = new Map<string, PlannedKey>();
  const keys: KeySummary[] = [];
  for (const { bytes, from } of sources) {
    const created = new Map(
      (await readKeyFile(bytes, atMs)).map(({ summary }) => [summary.fingerprint, summary.createdAt]),
    );
    for (const key of await planKeyAdd(keyring, { bytes, scope, atMs })) {
      if (planned.has(key.fingerprint)) continue;
      planned.set(key.fingerprint, key);
      keys.push(summarise(key, { from, createdAt: created.get(key.fingerprint) ?? "" }));
    }
  }
  const add = async (): Promise<void> => {
    const files = adminFiles(ctx);
    for (const { fingerprint, armored } of planned.values()) {
      ctx.events.report({ type: "trust.key-added", fingerprint, scope: formatScope(scope) });
      addKey(files, { scope, fingerprint, armored });
    }
  };
  return { keys, add };
}

function summarise(key: PlannedKey, rest: { readonly from: string; readonly createdAt: string }): KeySummary {
  return {
    fingerprint: key.fingerprint,
    userIds: key.userIds,
    algorithm: key.algorithm,
    createdAt: rest.createdAt,
    ...(key.expiresAt === undefined ? {} : { expiresAt: key.expiresAt }),
    from: rest.from,
  };
}

async function discoverKeys(
  ctx: EngineContext,
  scope: TrustScope,
  options: PlanOptions,
): Promise<readonly KeySource[]> {
  if (scope.kind === "root") {
    throw new TrustError("trust/not-found", "Cannot discover keys for every image: discovery needs a name", {
      hint: "pass the key: gantry trust add --root FILE",
    });
  }
  const { os, architecture } = hostPlatform(process.arch);
  const allowHttp = ctx.options.insecureOptions.has("http");
  const query = { name: scope.prefix, os, arch: architecture, allowHttp };
  const found = await discoverName({ http: ctx.http() }, query, options);
  if (found.pubkeys.length === 0) {
    const steps = found.steps.map((step) => `${step.url}: ${step.outcome}`).join("; ");
    throw new TrustError("trust/not-found", `Cannot discover keys for "${scope.prefix}": ${steps}`, {
      hint: `get the key from its owner, then: gantry trust add --prefix ${scope.prefix} KEYFILE`,
      data: { steps: found.steps },
    });
  }
  const sources: KeySource[] = [];
  for (const url of found.pubkeys) sources.push(await readKeySource(ctx, url, options));
  return sources;
}
