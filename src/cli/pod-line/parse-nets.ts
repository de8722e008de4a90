import type { NetOption } from "../../pod/options.ts";
import { usageError } from "../errors.ts";

/** `none`, `host`, or `NAME[:KEY=VALUE;…]` with commas between them. @throws {CliError} "cli/usage". */
export function parseNets(lists: readonly string[]): NetOption[] {
  const nets = lists.flatMap((list) => list.split(",")).map(parseNet);
  const alone = nets.find((net) => net.name === "none" || net.name === "host");
  if (alone !== undefined && nets.length > 1) {
    throw usageError(`Cannot join network "${alone.name}" and others`, `leave out "${alone.name}", or the others`);
  }
  const names = nets.map((net) => net.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw usageError(`Cannot join network "${twice}" twice`, "name each network once");
  return nets;
}

function parseNet(text: string): NetOption {
  const colon = text.indexOf(":");
  const name = colon === -1 ? text : text.slice(0, colon);
  const hint = "write NAME or NAME:KEY=VALUE;KEY=VALUE";
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) throw usageError(`Cannot read network "${text.slice(0, 200)}"`, hint);
  const args: Record<string, string> = {};
  for (const pair of colon === -1 ? [] : text.slice(colon + 1).split(";")) {
    const equals = pair.indexOf("=");
    if (equals < 1) throw usageError(`Cannot read network "${text.slice(0, 200)}"`, hint);
    Object.defineProperty(args, pair.slice(0, equals), { value: pair.slice(equals + 1), enumerable: true });
  }
  return { name, args };
}
