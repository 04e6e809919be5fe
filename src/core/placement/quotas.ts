/**
 * How many replicas each node is to hold: as its weight says, as far as zones let it, exact to
 * rounding.
 *
 * The obvious way, to let a planner maximise what fits, can leave a new node of a saturated zone
 * with nothing (Garage). Fixing the quotas first rules that out: they sum exactly to what must be
 * placed, so each is met.
 *
 * 1. Spread: a partition takes its replicas from the zones in rounds, one from each zone that has a
 *    node left. So a zone gives `least` or `most` = `least` + 1 of them (or always the same number
 *    when its nodes are used up), where `most` is the round in which the set becomes full. Never
 *    two replicas in one zone while another zone has a node unused.
 * 2. Water-fill all replicas over the zones by their weight, each zone within [Q·least, Q·most];
 *    then a zone's share over its nodes by weight, each at most Q. What does not fit in one goes to
 *    the others by weight (the "resolving flexible lengths" rule of CSS flexbox §9.7 is the same
 *    algorithm).
 * 3. Round: the whole parts first, then one more each to those who hold more than their whole part
 *    already, so that a plan from unchanged roles changes nothing; then to those who did before, so
 *    that a change that is undone leaves no trace; then by the greater fraction.
 *
 * Every node's quota is its exact share rounded down or up, since zones round from exact shares
 * too. Integers only: fractions are kept as numerator and denominator, all below 2^53.
 */
import { assert } from '../std/assert.ts'
import type { Role } from './layout.ts'

/** A failure domain's nodes that hold data, and how many replicas of one partition it takes. */
export interface Zone {
  readonly name: string
  /** Indices into the roles, ascending. */
  readonly nodes: readonly number[]
  readonly least: number
  readonly most: number
}

interface Bounded {
  readonly weight: number
  readonly least: number
  readonly most: number
}

/** Shares as fractions of one denominator. */
export interface Shares {
  readonly numerators: readonly number[]
  readonly denominator: number
}

/** The zones that have nodes with weight, in order of name, for replica sets of `size`. */
export function spreadOverZones(roles: readonly Role[], size: number): Zone[] {
  const byName = new Map<string, number[]>()
  roles.forEach((role, node) => {
    if (role.weight === 0) return
    const nodes = byName.get(role.zone)
    if (nodes === undefined) byName.set(role.zone, [node])
    else nodes.push(node)
  })
  let rounds = 0
  for (let placed = 0; placed < size; rounds++) {
    for (const nodes of byName.values()) if (nodes.length > rounds) placed++
    assert(rounds < size, () => `${size} replicas do not fit`)
  }
  return [...byName.keys()].sort().map((name) => {
    const nodes = byName.get(name)!
    return {
      name,
      nodes,
      least: Math.min(rounds - 1, nodes.length),
      most: Math.min(rounds, nodes.length),
    }
  })
}

/**
 * Replicas for each role, `size` × `partitions` together. `held`: how many each has now, and how
 * many it had at earlier times, the latest first.
 */
export function quotasOf(
  roles: readonly Role[],
  zones: readonly Zone[],
  size: number,
  partitions: number,
  held: readonly (readonly number[])[],
): number[] {
  const sum = (nodes: readonly number[], of: (node: number) => number): number =>
    nodes.reduce((total, node) => total + of(node), 0)
  const zoneShares = waterFill(
    size * partitions,
    1,
    zones.map((zone) => ({
      weight: sum(zone.nodes, (node) => roles[node]!.weight),
      least: zone.least * partitions,
      most: zone.most * partitions,
    })),
  )
  const zoneQuotas = roundShares(
    size * partitions,
    zoneShares,
    held.map((counts) => zones.map((zone) => sum(zone.nodes, (node) => counts[node]!))),
  )
  const quotas = roles.map(() => 0)
  zones.forEach((zone, z) => {
    const shares = waterFill(
      zoneShares.numerators[z]!,
      zoneShares.denominator,
      zone.nodes.map((node) => ({ weight: roles[node]!.weight, least: 0, most: partitions })),
    )
    const rounded = roundShares(
      zoneQuotas[z]!,
      shares,
      held.map((counts) => zone.nodes.map((node) => counts[node]!)),
    )
    zone.nodes.forEach((node, i) => (quotas[node] = rounded[i]!))
  })
  return quotas
}

/** Splits `total` / `unit` by weight within bounds (integers, whose sums enclose the total). */
function waterFill(total: number, unit: number, items: readonly Bounded[]): Shares {
  const fixed: (number | undefined)[] = items.map(() => undefined)
  for (;;) {
    let rest = total
    let weight = 0
    items.forEach((item, i) => {
      const at = fixed[i]
      if (at === undefined) weight += item.weight
      else rest -= at * unit
    })
    // How far the free shares, all × unit × weight, must rise to their lower bounds less what they
    // must fall to their upper.
    let excess = 0
    const wanted = items.map((item, i) => {
      if (fixed[i] !== undefined) return 0
      const share = rest * item.weight
      const bounded = Math.min(
        Math.max(share, item.least * unit * weight),
        item.most * unit * weight,
      )
      excess += bounded - share
      return bounded - share
    })
    if (wanted.every((change) => change === 0)) {
      const denominator = unit * Math.max(1, weight)
      const numerators = items.map((item, i) => {
        const at = fixed[i]
        return at === undefined ? rest * item.weight : at * denominator
      })
      return { numerators, denominator }
    }
    // Those that would have to move the way that all together move stay at their bound for good;
    // the others may yet fit.
    items.forEach((item, i) => {
      if (wanted[i]! > 0 && excess >= 0) fixed[i] = item.least
      if (wanted[i]! < 0 && excess <= 0) fixed[i] = item.most
    })
  }
}

/**
 * Whole numbers that sum to `total`, each its share rounded down or up: up for those who hold more
 * already, by the first of `held` that tells two apart.
 */
export function roundShares(
  total: number,
  shares: Shares,
  held: readonly (readonly number[])[],
): number[] {
  const { numerators, denominator } = shares
  const whole = numerators.map((numerator) => Math.floor(numerator / denominator))
  const fraction = (i: number): number => numerators[i]! - whole[i]! * denominator
  const left = total - whole.reduce((sum, n) => sum + n, 0)
  const candidates = [...whole.keys()]
    .filter((i) => fraction(i) > 0)
    .sort((a, b) => {
      for (const counts of held) {
        const keeps = Number(counts[b]! > whole[b]!) - Number(counts[a]! > whole[a]!)
        if (keeps !== 0) return keeps
      }
      return fraction(b) - fraction(a) || a - b
    })
  assert(left >= 0, () => `${-left} replicas too many`)
  assert(
    left <= candidates.length,
    () => `${left} replicas left over for ${candidates.length} nodes`,
  )
  for (const i of candidates.slice(0, left)) whole[i] = whole[i]! + 1
  return whole
}
