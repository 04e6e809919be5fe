/**
 * Who comes first. The first node of a replica set is the natural coordinator of its partition and
 * the first asked, so firsts are to be spread as replicas are: a node that holds k replicas in sets
 * of s is first in ⌊k/s⌋ or ⌈k/s⌉ of them.
 *
 * Such a choice always exists: "each node first for 1/s of what it holds" is one in fractions, and
 * a flow with integer bounds that has a solution in fractions has one in integers. It is found as
 * in `assignment.ts`, by chains along which the first place passes from a node that has too many to
 * one that has too few, and begins from the order as it is, so that what is balanced stays as it
 * is. A node that gives up the first place comes second; otherwise the order within a set does not
 * change.
 *
 * A node that moves forward in a set that it is in already must pull what a bucket of fewer copies
 * keeps there, and the whole move waits for it, for ever if it never comes back. So only who is new
 * in a set, and pulls all of it anyway, takes its first place. The balance is then as near as those
 * who come can make it, and exact where all are new.
 */
const UNSEEN = -1
const SOURCE = -2

/** Whether `node` may come first in set `p` if it does not already. */
export type MayComeFirst = (p: number, node: number) => boolean

/** Reorders the sets in place. `nodes`: their number; sets name them by index. */
export function balanceFirsts(
  sets: readonly number[][],
  nodes: number,
  mayComeFirst: MayComeFirst,
): void {
  const size = sets[0]!.length
  const held = new Array<number>(nodes).fill(0)
  const firsts = new Array<number>(nodes).fill(0)
  for (const set of sets) {
    for (const node of set) held[node] = held[node]! + 1
    firsts[set[0]!] = firsts[set[0]!]! + 1
  }
  const floor = (node: number): number => Math.floor(held[node]! / size)
  const ceiling = (node: number): number => Math.ceil(held[node]! / size)
  // Nobody above its ceiling; then nobody below its floor, at the cost of those above theirs.
  while (passFirst(sets, firsts, ceiling, mayComeFirst));
  while (passFirst(sets, firsts, floor, mayComeFirst));
}

/**
 * Passes one first place from a node above its target, of those the farthest, along as short a
 * chain as there is, to a node below it; false when no node above reaches one below.
 */
function passFirst(
  sets: readonly number[][],
  firsts: number[],
  target: (node: number) => number,
  mayComeFirst: MayComeFirst,
): boolean {
  const giverOf = firsts.map((count, node): number => (count > target(node) ? SOURCE : UNSEEN))
  const via = firsts.map((): number => UNSEEN)
  const excess = (node: number): number => firsts[node]! - target(node)
  const queue = [...giverOf.keys()]
    .filter((node) => giverOf[node] === SOURCE)
    .sort((a, b) => excess(b) - excess(a))
  for (let head = 0; head < queue.length; head++) {
    const giver = queue[head]!
    for (let p = 0; p < sets.length; p++) {
      if (sets[p]![0] !== giver) continue
      for (const taker of sets[p]!) {
        if (giverOf[taker] !== UNSEEN || !mayComeFirst(p, taker)) continue
        giverOf[taker] = giver
        via[taker] = p
        if (firsts[taker]! < target(taker)) {
          passAlong(sets, firsts, giverOf, via, taker)
          return true
        }
        queue.push(taker)
      }
    }
  }
  return false
}

function passAlong(
  sets: readonly number[][],
  firsts: number[],
  giverOf: readonly number[],
  via: readonly number[],
  end: number,
): void {
  let node = end
  firsts[node] = firsts[node]! + 1
  while (giverOf[node] !== SOURCE) {
    const set = sets[via[node]!]!
    set.splice(set.indexOf(node), 1)
    set.unshift(node)
    node = giverOf[node]!
  }
  firsts[node] = firsts[node]! - 1
}
