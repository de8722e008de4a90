import { SCHEMA } from "../../attest/fleet/schema.ts";
import type { HttpClient } from "../../sys/host.ts";
import { createHttpClient } from "../../sys/http.ts";
import { type Database, openDatabase } from "../../sys/sqlite.ts";
import type { EngineContext } from "../context.ts";

/** State of the verifier, relative to the root directory. */
export const FLEET_FILE = "attest/fleet.sqlite";

/** @throws {SysError} "sys/permission", "sys/errno" */
export function openFleet(ctx: EngineContext): Database {
  return openDatabase(ctx.root.path(FLEET_FILE), SCHEMA);
}

/** HTTP to nodes: addresses were looked at when they were enrolled, so plain http is not refused again. */
export function nodeHttp(ctx: EngineContext): HttpClient {
  return createHttpClient({
    caFiles: [...ctx.options.caFiles],
    insecureTls: ctx.options.insecureOptions.has("tls"),
    allowHttp: true,
    userAgent: "gantry",
  });
}
