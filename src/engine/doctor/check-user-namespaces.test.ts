import { expect, test } from "bun:test";
import { judgeUserNamespaces, type UserNamespaceFacts } from "./check-user-namespaces.ts";

const GOOD: UserNamespaceFacts = {
  release: "6.1.0-13-amd64",
  limit: "96365",
  fsType: "ext4",
  hasUnshare: true,
  subordinate: [false, false],
};

test("judgeUserNamespaces() says where ids come from", () => {
  expect(judgeUserNamespaces(GOOD)).toMatchObject({ state: "ok", detail: expect.stringContaining("default range") });
  const own = judgeUserNamespaces({ ...GOOD, subordinate: [true, true] });
  expect(own).toMatchObject({ state: "ok", detail: expect.stringContaining("/etc/subuid") });
});

test.each([
  [{ limit: undefined }, "CONFIG_USER_NS"],
  [{ limit: "0" }, "max_user_namespaces"],
  [{ hasUnshare: false }, "util-linux"],
  [{ fsType: "nfs4" }, "ext4"],
  [{ fsType: "tmpfs" }, "6.3"],
  [{ release: "5.15.0" }, "5.19"],
  [{ subordinate: [true, false] as const }, "/etc/subgid"],
  [{ subordinate: [false, true] as const }, "/etc/subuid"],
])("judgeUserNamespaces() tells how to get them: %p", (change, said) => {
  expect(judgeUserNamespaces({ ...GOOD, ...change })).toMatchObject({
    state: "warn",
    fix: expect.stringContaining(said),
  });
});
