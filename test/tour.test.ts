import { expect, test } from "bun:test";
import { hostLeaks, hostSnapshot } from "./harness/host-snapshot.ts";

const TIMEOUT_MS = 120_000;
const TOUR = new URL("../tools/tour.ts", import.meta.url).pathname;

test(
  "tour: shows every step and three refusals, ends with what to type next, and leaves nothing",
  async () => {
    const before = hostSnapshot();
    const { PATH = "" } = process.env;
    const tour = Bun.spawn([process.execPath, TOUR], { env: { PATH, NO_COLOR: "1" }, stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([new Response(tour.stdout).text(), new Response(tour.stderr).text()]);
    expect([await tour.exited, stderr]).toEqual([0, ""]);
    for (const shown of [
      "$ gantry sign --key=",
      "$ gantry trust add --prefix=",
      "$ gantry run -d --name=hello localhost:",
      "Hello from hello",
      "$ gantry list",
      "$ gantry status hello",
      "$ gantry logs hello",
      "$ gantry exec hello",
      "no signature was found",
      "source sent other bytes than announced",
      "which is not in the keyring",
      "gantry --help",
    ])
      expect(stdout).toContain(shown);
    expect(hostLeaks(before, hostSnapshot())).toEqual([]);
  },
  TIMEOUT_MS,
);
