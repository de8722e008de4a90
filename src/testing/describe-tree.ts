/**
 * One line per file with every attribute: type and mode, owner, size, device, nanosecond mtime, link
 * target, content digest, extended attributes, and the visible names that share its inode. Not st_nlink: overlayfs shows
 * the lower file's count even when one of its names is hidden. Overlay's own attributes are not the image's.
 */
const SCRIPT = `
import hashlib, os, stat, sys
root = os.fsencode(sys.argv[1])
groups, lines = {}, []
def describe(path, rel):
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    is_dir = kind == stat.S_IFDIR
    extra = ""
    if kind == stat.S_IFLNK: extra = repr(os.readlink(path))
    if kind == stat.S_IFREG: extra = hashlib.sha256(open(path, "rb").read()).hexdigest()[:16]
    key = (st.st_dev, st.st_ino)
    if not is_dir: groups.setdefault(key, []).append(rel)
    names = sorted(n for n in os.listxattr(path, follow_symlinks=False) if not n.startswith("trusted.overlay."))
    xattrs = [(n, os.getxattr(path, n, follow_symlinks=False)) for n in names]
    lines.append(" ".join(map(str, (repr(rel), oct(st.st_mode), st.st_uid, st.st_gid, "-" if is_dir else st.st_size, st.st_rdev, st.st_mtime_ns, extra, xattrs))) + ("" if is_dir else "\\0" + repr(key)))
    if is_dir:
        for name in sorted(os.listdir(path)): describe(os.path.join(path, name), os.path.join(rel, name))
describe(root, b"")
links = {repr(key): repr(rels) for key, rels in groups.items() if len(rels) > 1}
joined = [line.split("\\0") for line in lines]
sys.stdout.write("\\n".join(line[0] + (links.get(line[1], "") if len(line) > 1 else "") for line in joined))
`;

/** Describes the tree at `dir` after running `prepare` (a mount) in a mount namespace that ends with it. */
export function describeTree(dir: string, prepare: string): string[] {
  const command = `${prepare} && exec python3 -c "$SCRIPT" "$DIR"`;
  const done = Bun.spawnSync(["unshare", "--mount", "--propagation=private", "sh", "-ec", command], {
    env: { PATH: process.env["PATH"] ?? "", SCRIPT, DIR: dir },
  });
  if (done.exitCode !== 0) return [`failed: ${done.stderr.toString()}`];
  return done.stdout.toString().split("\n");
}
