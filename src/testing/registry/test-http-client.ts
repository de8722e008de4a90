import type { HttpClient } from "../../sys/host.ts";
import { createHttpClient } from "../../sys/http.ts";

/** The real client, set to allow http on loopback, to trust one CA file if given, and to give up on silence soon. */
export function createTestHttpClient(options: { readonly caFile?: string } = {}): HttpClient {
  const client = createHttpClient({
    caFiles: options.caFile === undefined ? [] : [options.caFile],
    insecureTls: false,
    allowHttp: true,
    userAgent: "gantry-test",
  });
  return { send: (request, sendOptions) => client.send({ idleTimeoutMs: 300, ...request }, sendOptions) };
}
