import { listAttachments } from "../network/attach-all.ts";
import type { Files } from "../sys/host.ts";
import type { AttachmentStatus } from "./use-cases.ts";

/** Addresses of a pod from its attachment records, for `status`. */
export function attachmentStatuses(files: Files): AttachmentStatus[] {
  return listAttachments({ files }).map((one) => ({
    network: one.network,
    interface: one.ifName,
    addresses: one.result.ips.map((ip) => ip.address),
  }));
}
