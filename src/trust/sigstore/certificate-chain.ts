import type { X509Certificate } from "@sigstore/core";

/** What a certificate is held against. */
export interface ChainAnchors {
  /** Trusted as they are, whoever issued them. */
  readonly roots: readonly X509Certificate[];
  /** Of use between leaf and root only; may come from strangers. */
  readonly intermediates: readonly X509Certificate[];
  readonly at: Date;
}

/** Longest chain looked for, the leaf not counted. */
const MAX_DEPTH = 8;

/**
 * Whether a chain of signatures leads from the leaf to a root, through authorities only, each valid at that moment and
 * within its path length. Pure. Spec: RFC 5280, section 6.1, without names constraints and policies.
 */
export function hasTrustedChain(leaf: X509Certificate, anchors: ChainAnchors): boolean {
  return leaf.validForDate(anchors.at) && climb(leaf, { ...anchors, tried: new Set() }, 0);
}

/** Each intermediate is tried once: strangers could send many that all sign each other. */
type Climb = ChainAnchors & { readonly tried: Set<X509Certificate> };

function climb(certificate: X509Certificate, anchors: Climb, depth: number): boolean {
  if (depth >= MAX_DEPTH) return false;
  const isIssuer = (one: X509Certificate) =>
    one.isCA &&
    one.validForDate(anchors.at) &&
    isWithinPathLength(one, depth) &&
    one.subject.equals(certificate.issuer) &&
    isSignedBy(certificate, one);
  if (anchors.roots.some(isIssuer)) return true;
  return anchors.intermediates.some((one) => {
    if (anchors.tried.has(one) || !isIssuer(one)) return false;
    anchors.tried.add(one);
    return climb(one, anchors, depth + 1);
  });
}

/** `depth` counts the authorities below. */
function isWithinPathLength(authority: X509Certificate, depth: number): boolean {
  const limit = authority.extBasicConstraints?.pathLenConstraint;
  return limit === undefined || depth <= Number(limit);
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer);
  } catch {
    // An algorithm nobody knows proves nothing.
    return false;
  }
}
