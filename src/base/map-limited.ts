/** `work` on every item, at most `limit` at once. Results in order; the first failure is thrown when the tasks under way have ended. */
export async function mapLimited<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  let failed = false;
  const lanes = Array.from({ length: Math.max(1, limit) }, async () => {
    for (const [index, item] of queue) {
      if (failed) return;
      results[index] = await work(item, index).catch((reason: unknown) => {
        failed = true;
        throw reason;
      });
    }
  });
  const outcomes = await Promise.allSettled(lanes);
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined) throw failure.reason;
  return results;
}
