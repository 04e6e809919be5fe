/**
 * Puts every replica somewhere: from what is held to what the quotas say, with the fewest moves.
 *
 * Taking from the overfull and giving to the underfull, one replica at a time, gets stuck: the
 * partitions of the one may all be on the other already, or in its zone. Augmenting paths lead out
 * of that, but paths that are each the shortest need not add up to the least. It is a flow of least
 * cost (as in Garage's layout report): one unit for each replica,
 *
 * ```
 *                                                   ╭─▶ places as first ─╮
 *   source ─▶ zone of a partition ─────────────────▶│                    ├─▶ node ─▶ sink
 *        ╰──▶ partition, over the zones' least ─╯   ╰─▶ other places ────╯
 * ```
 * where a zone of a partition gets its `least` from the source and what is beyond that through the
 * partition, a node takes a partition once, and its quota goes to the sink. Since all quotas
 * together are all replicas, a flow that fills one side fills the other, so both bounds of the
 * zones and all quotas hold exactly.
 *
 * The cost is three wishes in one number, of which no sum of the later outweighs the earlier:
 *
 * 1. a replica that moves costs, one that stays does not;
 * 2. who gives back what it took gives it to those who had it: a node that comes and goes again
 *    leaves no trace (`former`);
 * 3. the first places in sets go with the replicas. Who has to give up some gives up those in which
 *    it comes first while it is first too often, and its other ones after that; who comes takes the
 *    place of who goes (`replica-order.ts` mends what is left).
 *
 * What costs the same is taken in an order that looks random: partitions by who is in the cluster,
 * nodes of a partition by their id. So nodes share partitions with many others, and many help when
 * one is lost.
 */
import { assert } from '../std/assert.ts'
import { FlowNetwork } from './min-cost-flow.ts'
import type { Zone } from './quotas.ts'
import { roundShares } from './quotas.ts'

export interface Demand {
  readonly partitions: number
  /** Nodes in each replica set. */
  readonly size: number
  readonly zones: readonly Zone[]
  /** Replicas for each node; together `size` × `partitions`. */
  readonly quotas: readonly number[]
  /** A number for each node that depends on its id alone: what looks random comes from it. */
  readonly salts: readonly number[]
  /** Who held each partition before `held`, in the order of places, if that is known. */
  readonly former?: readonly (readonly number[])[]
}

/** A place of a replica set whose node is gone. */
export const VACANT = -1

/**
 * Replica sets that meet the demand, made from `held`: whoever stays keeps its place in its set,
 * who comes takes the place of the one who goes.
 */
export function assign(demand: Demand, held: readonly (readonly number[])[]): number[][] {
  const sets = held.map((set) => fit(set, demand.size))
  const network = new AssignmentNetwork(demand, sets)
  return sets.map((set, p) => replaced(set, network.nodesOf(p), demand.former?.[p] ?? []))
}

/** How a node's firsts count: none is as good as one that it should have, and better than more. */
const FIRST_COST = 0
const OTHER_COST = 1
const FIRST_TOO_MANY_COST = 2

const SOURCE = 0
const SINK = 1
const NODES_FROM = 2
/** Vertices of a node: where its first places come in, and its others; and all together. */
const NODE_VERTICES = 3
const NODE_ARCS = 4

class AssignmentNetwork {
  readonly #demand: Demand
  readonly #network: FlowNetwork
  /** By partition: who could be in it, in the order of preference, and by which arc. */
  readonly #options: { readonly node: number; readonly arc: number }[][]
  readonly #moveCost: number
  readonly #strangerCost: number

  constructor(demand: Demand, sets: readonly (readonly number[])[]) {
    const { partitions, zones, quotas, size } = demand
    const replicas = partitions * size
    this.#demand = demand
    this.#strangerCost = replicas * FIRST_TOO_MANY_COST + 1
    this.#moveCost = replicas * (this.#strangerCost + FIRST_TOO_MANY_COST) + 1
    this.#network = new FlowNetwork(
      NODES_FROM + quotas.length * NODE_VERTICES + partitions * (1 + zones.length),
      quotas.length * NODE_ARCS + partitions * (1 + 2 * zones.length + quotas.length),
    )
    this.#addNodes(sets)
    this.#options = sets.map(() => [])
    const seed = demand.salts.reduce((sum, salt) => sum ^ salt, 0)
    for (const p of inRandomOrder(sets.keys(), (each) => mix(seed, each)))
      this.#addPartition(p, sets[p]!)
    const flow = this.#network.solve(SOURCE, SINK)
    assert(flow === replicas, () => `${flow} of ${replicas} replicas have a node`)
  }

  /** Who is to hold partition `p`. */
  nodesOf(p: number): number[] {
    return this.#options[p]!.filter(({ arc }) => this.#network.flowThrough(arc) === 1).map(
      ({ node }) => node,
    )
  }

  #addNodes(sets: readonly (readonly number[])[]): void {
    const { partitions, quotas, size } = this.#demand
    const firsts = quotas.map(() => 0)
    const held = quotas.map(() => 0)
    for (const set of sets)
      for (const [place, node] of set.entries()) {
        if (node === VACANT) continue
        held[node] = held[node]! + 1
        if (place === 0) firsts[node] = firsts[node]! + 1
      }
    // Who gives up nothing gives up no first place either, so what is odd goes to it.
    const steady = firsts.map((count, node) => (quotas[node]! >= held[node]! ? count : 0))
    const even = { numerators: quotas, denominator: size }
    const shares = roundShares(partitions, even, [steady, firsts])
    quotas.forEach((quota, node) => {
      const [first, others, all] = verticesOf(node)
      this.#network.addArc(first, all, Math.min(shares[node]!, quota), FIRST_COST)
      this.#network.addArc(first, all, quota, FIRST_TOO_MANY_COST)
      this.#network.addArc(others, all, quota, OTHER_COST)
      this.#network.addArc(all, SINK, quota, 0)
    })
  }

  #addPartition(p: number, set: readonly number[]): void {
    const { zones, size, salts, quotas, former } = this.#demand
    const spread = NODES_FROM + quotas.length * NODE_VERTICES + p * (1 + zones.length)
    const bound = zones.reduce((sum, { least }) => sum + least, 0)
    if (size > bound) this.#network.addArc(SOURCE, spread, size - bound, 0)
    // Who comes takes the first place where that is the only one.
    const isFirstFree = set[0] === VACANT && set.indexOf(VACANT, 1) < 0
    zones.forEach(({ nodes, least, most }, z) => {
      const zone = spread + 1 + z
      if (least > 0) this.#network.addArc(SOURCE, zone, least, 0)
      if (most > least) this.#network.addArc(spread, zone, most - least, 0)
      for (const node of inRandomOrder(nodes, (each) => mix(salts[each]!, p))) {
        if (quotas[node] === 0) continue
        const place = set.indexOf(node)
        const [first, others] = verticesOf(node)
        const isFirst = place === 0 || (place < 0 && isFirstFree)
        const isStranger = former !== undefined && !former[p]!.includes(node)
        const cost = place >= 0 ? 0 : this.#moveCost + (isStranger ? this.#strangerCost : 0)
        const arc = this.#network.addArc(zone, isFirst ? first : others, 1, cost)
        this.#options[p]!.push({ node, arc })
      }
    })
  }
}

function verticesOf(node: number): [first: number, others: number, all: number] {
  const at = NODES_FROM + node * NODE_VERTICES
  return [at, at + 1, at + 2]
}

/**
 * The set with those that are to be in it: each who comes at a place that is free, its former one
 * if it can be.
 */
function replaced(
  set: readonly number[],
  nodes: readonly number[],
  former: readonly number[],
): number[] {
  const places = set.map((node) => (nodes.includes(node) ? node : VACANT))
  const coming = nodes.filter((node) => !set.includes(node))
  const homeless = coming.filter((node) => {
    const place = former.indexOf(node)
    if (place < 0 || places[place] !== VACANT) return true
    places[place] = node
    return false
  })
  for (const node of homeless) {
    const place = places.indexOf(VACANT)
    assert(place >= 0, () => `no place for node ${node}`)
    places[place] = node
  }
  assert(!places.includes(VACANT), () => `${nodes.length} nodes for ${set.length} places`)
  return places
}

/**
 * A set brought to `size` places: vacant ones go first when there are too many, and come last when
 * there are too few.
 */
function fit(set: readonly number[], size: number): number[] {
  const places = [...set]
  while (places.length > size) {
    const vacant = places.indexOf(VACANT)
    assert(vacant >= 0, () => `${places.length} nodes in a set of ${size}`)
    places.splice(vacant, 1)
  }
  while (places.length < size) places.push(VACANT)
  return places
}

/** By the number that each is given, and by itself where these are equal. */
function inRandomOrder(items: Iterable<number>, numberOf: (item: number) => number): number[] {
  return [...items]
    .map((item) => ({ item, rank: numberOf(item) }))
    .sort((a, b) => a.rank - b.rank || a.item - b.item)
    .map(({ item }) => item)
}

/** A number that looks random and depends on both (the finaliser of MurmurHash3). */
function mix(salt: number, p: number): number {
  let h = salt ^ Math.imul(p + 1, 0x9e37_79b1)
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return (h ^ (h >>> 16)) >>> 0
}
