import { PodError } from "./errors.ts";

/** Numeric credentials of an app process. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups from the image's group file, without `gid`. */
  readonly groups: readonly number[];
  /** Home directory from the image's passwd file, "/" when it has no entry. */
  readonly home: string;
  /** Login name when the image knows one, else the number. */
  readonly userName: string;
}

/** Largest id: 2^32-1 and 2^32-2 have meanings of their own in the kernel. */
const MAX_ID = 4294967293;

/**
 * Resolves `user[:group]` against the text of an image's own passwd and group files. Numbers need no entry.
 * Spec: OCI image-spec v1.1.0, config.md "User".
 * @throws {PodError} "pod/unknown-user"
 */
export function resolveUser(
  files: { readonly passwd: string; readonly group: string },
  wanted: { readonly user: string; readonly group?: string },
): Credentials {
  const [userPart = "", groupPart] = wanted.user.split(":", 2);
  const userText = userPart === "" ? "0" : userPart;
  const users = parsePasswd(files.passwd);
  const entry = users.find((u) => u.name === userText) ?? users.find((u) => String(u.uid) === userText);
  const uid = entry?.uid ?? parseId(userText) ?? (userText === "root" ? 0 : undefined);
  if (uid === undefined) {
    throw new PodError("pod/unknown-user", `Cannot find user "${userText}": the image's /etc/passwd has no such name`, {
      hint: "name a user of the image, or give numbers: --user UID --group GID",
    });
  }
  const groups = parseGroups(files.group);
  const groupText = wanted.group ?? groupPart;
  const gid = groupText === undefined || groupText === "" ? (entry?.gid ?? 0) : findGid(groups, groupText);
  const member = groups.filter((g) => entry !== undefined && g.members.includes(entry.name) && g.gid !== gid);
  return {
    uid,
    gid,
    // An explicit group narrows the process to that group, as runc and podman do.
    groups: groupText === undefined || groupText === "" ? member.map((g) => g.gid) : [],
    home: entry?.home.startsWith("/") ? entry.home : "/",
    userName: entry?.name ?? userText,
  };
}

function findGid(groups: readonly GroupEntry[], text: string): number {
  const gid = groups.find((g) => g.name === text)?.gid ?? parseId(text) ?? (text === "root" ? 0 : undefined);
  if (gid === undefined) {
    throw new PodError("pod/unknown-user", `Cannot find group "${text}": the image's /etc/group has no such name`, {
      hint: "name a group of the image, or give its number",
    });
  }
  return gid;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

function parsePasswd(text: string): PasswdEntry[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uidText = "", gidText = "", , home = ""] = line.split(":");
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    return name === "" || uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }];
  });
}

function parseGroups(text: string): GroupEntry[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , gidText = "", members = ""] = line.split(":");
    const gid = parseId(gidText);
    return name === "" || gid === undefined ? [] : [{ name, gid, members: members.split(",").filter((m) => m !== "") }];
  });
}

function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}
