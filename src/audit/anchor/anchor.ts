/** Where the log's head is kept in hardware. */
export interface Anchor {
  /**
   * Returns when the tree that holds record `recnum` (default: the last one) is in the anchor. Several commands that
   * come at once share one extension of it.
   * @throws {AuditError} "audit/not-anchored" when policy demands an anchor and there is none
   */
  cover(recnum?: number): void;
}
