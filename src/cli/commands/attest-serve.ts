import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { readToken } from "../read-token.ts";

const MAX_POLICY_BYTES = 4 * 1024 * 1024;
const DEFAULTS = { listen: "127.0.0.1:8373", intervalMs: 60_000, timeoutMs: 30_000, patience: 2 };

/** `attest serve`: the verifier's side. */
export const attestServe = defineCommand({
  details:
    "Asks every enrolled node for a fresh quote, checks it, keeps what its log has gained, and holds what ran against a policy, until interrupted. Shows all of it on a web page, at /metrics and as JSON at /api/nodes and /api/where. Whoever may connect may read; by default that is this machine only.",
  args: {},
  flags: {
    listen: { type: "string", placeholder: "ADDRESS:PORT", help: "Where the page is (default 127.0.0.1:8373)" },
    interval: { type: "duration", placeholder: "DURATION", help: "Ask each node so often (default 60s)" },
    timeout: { type: "duration", placeholder: "DURATION", help: "Give up on a node after so long (default 30s)" },
    patience: { type: "integer", placeholder: "N", help: "A node out of reach fails after N tries (default 2)" },
    policy: { type: "string", placeholder: "FILE", help: "What may run: docs/attest.md describes the JSON" },
    webhook: { type: "string", placeholder: "URL", help: "POST a message there when a verdict changes" },
    "webhook-secret-file": { type: "string", placeholder: "FILE", help: "Secret that these messages are signed with" },
    "token-file": { type: "string", placeholder: "FILE", help: "File with the token for POST /poll" },
  },
  examples: [
    "attest serve",
    "attest serve --interval=5m --policy=fleet.json --webhook=https://alerts.example.com/gantry --webhook-secret-file=hook.secret",
  ],

  async run({ flags, engine, out, host, signal }) {
    const { policy: path, webhook: url } = flags;
    const secretFile = flags["webhook-secret-file"];
    if (url === undefined && secretFile !== undefined)
      throw usageError("Cannot sign messages that are not sent", "add --webhook URL");
    const times = {
      intervalMs: flags.interval ?? DEFAULTS.intervalMs,
      timeoutMs: flags.timeout ?? DEFAULTS.timeoutMs,
      patience: flags.patience ?? DEFAULTS.patience,
    };
    if (times.intervalMs < 100 || times.timeoutMs < 100 || times.patience < 1)
      throw usageError("Cannot ask so often or so shortly", "give at least 100ms, and at least one try");
    const [secret, token] = [await readToken(host, secretFile), await readToken(host, flags["token-file"])];
    const input = {
      listen: flags.listen ?? DEFAULTS.listen,
      ...times,
      ...(path === undefined ? {} : { policy: { path, text: await host.readTextFile(path, MAX_POLICY_BYTES) } }),
      ...(url === undefined ? {} : { webhook: { url, ...(secret === undefined ? {} : { secret }) } }),
      ...(token === undefined ? {} : { token }),
      onListening: (address: string) => out.text(`watching the fleet on ${address}/`),
    };
    await (await engine()).serveFleet(input, { signal });
    return undefined;
  },
});
