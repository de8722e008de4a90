import { type ByteString, toByteString } from "./entry-path.ts";
import type { FileTree, TreeNode } from "./file-tree.ts";

/**
 * Removes what an appc path whitelist does not name. A listed directory is kept without its content, and the
 * directories a listed path is in are kept too. An empty list keeps everything.
 * Spec: appc 0.8.11, ace.md "Filesystem Setup".
 */
export function filterTree(tree: FileTree, whitelist: readonly string[]): void {
  if (whitelist.length === 0) return;
  const kept = new Set<ByteString>();
  for (const path of whitelist) {
    const names = toByteString(new TextEncoder().encode(path)).split("/");
    let at = "";
    for (const name of names.filter((part) => part !== "" && part !== ".")) {
      at = `${at}/${name}`;
      kept.add(at);
    }
  }
  prune(tree.root, "", kept);
}

function prune(dir: TreeNode, path: ByteString, kept: ReadonlySet<ByteString>): void {
  for (const [name, node] of dir.children ?? []) {
    const here = `${path}/${name}`;
    if (!kept.has(here)) dir.children?.delete(name);
    else if (node.children !== undefined) prune(node, here, kept);
  }
}
