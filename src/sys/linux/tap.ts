import { AT_FDCWD, CLONE_NEWNET, O_CLOEXEC, O_RDONLY, O_RDWR } from "./constants.ts";
import { withFileErrors } from "./file-error.ts";
import { close, openat2 } from "./fs-calls.ts";
import { callKernel } from "./libc.ts";
import { setns } from "./mount-calls.ts";
import { OwnedFd } from "./owned-fd.ts";

const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const NAME_AT = 0;
const FLAGS_AT = 16;

/** Makes a tap device in a network namespace; it lives as long as the returned descriptor. Spec: Linux, networking/tuntap.rst. */
export function openTap(netnsPath: string, name: string): number {
  return withFileErrors(`make tap device "${name}"`, () => {
    using before = new OwnedFd(openat2(AT_FDCWD, "/proc/thread-self/ns/net", { flags: O_RDONLY }));
    using there = new OwnedFd(openat2(AT_FDCWD, netnsPath, { flags: O_RDONLY }));
    setns(there.fd, CLONE_NEWNET);
    try {
      const fd = openat2(AT_FDCWD, "/dev/net/tun", { flags: O_RDWR | O_CLOEXEC });
      try {
        const request = Buffer.alloc(40); // struct ifreq
        request.write(name, NAME_AT, "latin1");
        request.writeUInt16LE(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, FLAGS_AT);
        callKernel("ioctl", [fd, TUNSETIFF, request]);
        return fd;
      } catch (reason) {
        close(fd);
        throw reason;
      }
    } finally {
      setns(before.fd, CLONE_NEWNET);
    }
  });
}
