import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { resolveUser } from "./user-database.ts";

const FILES = {
  passwd: "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/home/web:/bin/sh\n12:x:34:34::relative:/bin/sh\nbroken\n",
  group: "root:x:0:\nweb:x:1001:\nextra:x:2000:other,web\nmore:x:2001:web\nbroken:x:y:web\n",
};

test("resolveUser() reads names, numbers and groups as runc does", () => {
  expect(resolveUser(FILES, { user: "" })).toMatchObject({ uid: 0, gid: 0, home: "/root", userName: "root" });
  expect(resolveUser(FILES, { user: "web" })).toEqual({
    uid: 1000,
    gid: 1001,
    groups: [2000, 2001],
    home: "/home/web",
    userName: "web",
  });
  expect(resolveUser(FILES, { user: "1000" })).toMatchObject({ gid: 1001, groups: [2000, 2001], userName: "web" });
  expect(resolveUser(FILES, { user: "web:extra" })).toMatchObject({ gid: 2000, groups: [] });
  expect(resolveUser(FILES, { user: "web:extra", group: "more" })).toMatchObject({ gid: 2001 });
  expect(resolveUser(FILES, { user: "77:88" })).toMatchObject({ uid: 77, gid: 88, home: "/", userName: "77" });
  // A name made of digits is that user's, not the number; a home that is no absolute path is none.
  expect(resolveUser(FILES, { user: "12" })).toMatchObject({ uid: 34, home: "/" });
});

test("resolveUser() knows root without any file, and no one else", () => {
  const none = { passwd: "", group: "" };
  expect(resolveUser(none, { user: "root:root" })).toMatchObject({ uid: 0, gid: 0 });
  for (const wanted of [{ user: "web" }, { user: "0:web" }, { user: "4294967295" }, { user: "-1" }, { user: "1e3" }]) {
    expect(() => resolveUser(none, wanted)).toThrowCode("pod/unknown-user");
  }
});
