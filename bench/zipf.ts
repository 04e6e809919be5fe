/**
 * Keys with a Zipfian skew: the k-th most popular of n keys is asked for in proportion to 1/k^θ.
 * Gray et al., "Quickly generating billion-record synthetic databases", SIGMOD 1994, §3.2, as in
 * YCSB, with θ = 0.99: of 100,000 keys the first gets about 8 % of the requests.
 */

const THETA = 0.99

/** Draws indices 0 … n − 1, the small ones most often. `random` gives [0, 1). */
export function zipfian(n: number, random: () => number): () => number {
  let zeta = 0
  for (let k = 1; k <= n; k++) zeta += 1 / k ** THETA
  const zeta2 = 1 + 0.5 ** THETA
  const alpha = 1 / (1 - THETA)
  const eta = (1 - (2 / n) ** (1 - THETA)) / (1 - zeta2 / zeta)
  return () => {
    const u = random()
    const uz = u * zeta
    if (uz < 1) return 0
    if (uz < zeta2) return 1
    return Math.min(n - 1, Math.floor(n * (eta * u - eta + 1) ** alpha))
  }
}
