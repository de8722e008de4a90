import type { KeySummary, TrustScope } from "../../engine/engine-calls.ts";
import { type CommandTools, defineCommand } from "../command.ts";
import { CliError, usageError } from "../errors.ts";
import { formatFingerprint, printable } from "../format-values.ts";

/** `trust add`: shows the key, asks, and only then stores it. */
export const trustAdd = defineCommand({
  args: { key: { help: "Key file or https URL; discovered from --prefix when left out", optional: true } },
  flags: {
    prefix: { type: "string", placeholder: "NAME", help: "Trust the key only for images named NAME or NAME/…" },
    root: { type: "boolean", help: "Trust the key for every image (global flag --root=DIR goes before the command)" },
    fingerprint: { type: "string", placeholder: "FPR", help: "Accept exactly this key without asking" },
    yes: { type: "boolean", aliases: ["skip-fingerprint-review"], help: "Accept whatever key comes without asking" },
  },
  examples: [
    "trust add --prefix example.com/app",
    "trust add --root ./release-key.asc",
    "trust add --prefix example.com ./key.asc --fingerprint 1A2B…",
  ],

  async run({ args, flags, engine, out, host, signal }) {
    const scope = parseScope(args.key, flags.prefix, flags.root);
    const calls = await engine();
    const plan = await calls.planTrustAdd(args.key === undefined ? { scope } : { key: args.key, scope }, { signal });
    if (flags.fingerprint !== undefined) assertFingerprint(flags.fingerprint, plan.keys);
    else if (!flags.yes) review({ out, host }, plan.keys, scope);
    await plan.add();
    out.result({ scope, keys: plan.keys }, ({ keys }) => {
      return keys.map((key) => `Trusted ${key.fingerprint} for ${describeScope(scope)}`).join("\n");
    });
    return undefined;
  },
});

function parseScope(key: string | undefined, prefix: string | undefined, root: boolean): TrustScope {
  if (prefix !== undefined && !root) return { kind: "prefix", prefix };
  if (prefix === undefined && root) {
    if (key === undefined)
      throw usageError(
        "Cannot discover a key for every image: discovery needs a name",
        "pass the key: gantry trust add --root FILE",
      );
    return { kind: "root" };
  }
  const file = key ?? "FILE";
  throw usageError(
    "Cannot tell what to trust the key for",
    `write one of: gantry trust add --prefix example.com/app ${key ?? ""}`.trimEnd() +
      `, or for every image: gantry trust add --root ${file}`,
  );
}

function describeScope(scope: TrustScope): string {
  return scope.kind === "root" ? "every image" : `images under ${scope.prefix}`;
}

function assertFingerprint(wanted: string, keys: readonly KeySummary[]): void {
  const normal = wanted.replace(/[\s:]/g, "").replace(/^0x/i, "").toLowerCase();
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(normal)) {
    throw usageError(
      `Cannot compare fingerprint "${wanted.slice(0, 100)}"`,
      "write the whole fingerprint: 40 or 64 hexadecimal digits",
    );
  }
  const other = keys.find((key) => key.fingerprint !== normal);
  if (other === undefined && keys.length > 0) return;
  throw new CliError(
    "cli/declined",
    `Cannot trust key ${other?.fingerprint ?? "(none found)"}: the fingerprint asked for is ${normal}`,
    {
      hint: "get the fingerprint from its owner again, and the key from another place",
    },
  );
}

function review(
  { out, host }: Pick<CommandTools, "out" | "host">,
  keys: readonly KeySummary[],
  scope: TrustScope,
): void {
  const shown = keys.map(describeKey).join("\n\n");
  const answer = host.ask(
    `${shown}\n\nTrust ${keys.length === 1 ? "this key" : "these keys"} for ${describeScope(scope)}? Type yes or no: `,
  );
  if (answer === undefined) {
    out.note(shown);
    throw new CliError("cli/no-terminal", "Cannot ask whether to trust the key: there is no terminal", {
      hint: "compare the fingerprint, then repeat with --fingerprint FPR",
    });
  }
  if (answer.trim().toLowerCase() !== "yes") {
    throw new CliError("cli/declined", "Cannot trust the key: the answer was not yes", {
      hint: "repeat, and type yes in full to accept",
    });
  }
}

function describeKey(key: KeySummary): string {
  return [
    `Key         ${formatFingerprint(key.fingerprint)}`,
    ...key.userIds.map((id) => `User        ${printable(id)}`),
    `Algorithm   ${printable(key.algorithm)}`,
    `Created     ${key.createdAt}`,
    ...(key.expiresAt === undefined ? [] : [`Expires     ${key.expiresAt}`]),
    `From        ${printable(key.from)}`,
  ].join("\n");
}
