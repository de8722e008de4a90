import type { Stage1Host, Stage1Probe } from "../../pod/stage1-contract.ts";

/** The program that supervises an app. */
export const PERL = "/usr/bin/perl";

/** Fly needs nothing of the host but perl. */
export async function probeFly({ host }: Stage1Host): Promise<Stage1Probe> {
  if (host.has(PERL.slice(1))) return { state: "ready", detail: "chroot, supervised by perl" };
  return { state: "unavailable", detail: `${PERL} is not installed`, fix: "apt-get install perl-base" };
}
