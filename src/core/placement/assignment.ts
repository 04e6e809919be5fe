/**
 * Puts every replica somewhere: from what is held to what the quotas say, moving little.
 *
 * Taking from the overfull and giving to the underfull, one replica at a time, gets stuck: the
 * partitions of the one may all be on the other already, or in its zone. It is a flow problem
 * (partition → zone of the partition → node, as in Garage's layout report), so the way out of a
 * dead end is an augmenting path (Ford and Fulkerson 1956; Edmonds and Karp 1972): the
 * overfull node hands a partition to a third one, which hands another to the underfull.
 *
 * ```
 *   overfull a ──partition p──▶ b ──partition q──▶ c underfull
 *       in p, b takes the place of a; in q, c takes that of b
 * ```
 * The search goes breadth first, by replicas moved, from all sources at once, so each repair moves
 * as few as it can. A hop through p may lead to any node of the zone it leaves, and to another zone
 * when neither bound of p's zones is broken. Each node is reached once. Two hops of one path
 * through the same partition break no bound together: what the later one could take from another
 * zone, the earlier had reached already, unless the earlier stayed within its zone. Since the
 * quotas are feasible, a path exists as long as one node is overfull or one place empty.
 *
 * Each augmentation is short but the sum need not be the least possible: a minimum-cost flow may
 * save a few moves more. This file is what it would replace: {@link Demand} in, replica sets out.
 *
 * Invariants: a set has no node twice; no zone gives a partition more than `most`; loads count the
 * sets.
 */
import { assert } from '../std/assert.ts'
import type { Zone } from './quotas.ts'

export interface Demand {
  /** A power of two. */
  readonly partitions: number
  /** Nodes in each replica set. */
  readonly size: number
  readonly zones: readonly Zone[]
  /** Replicas for each node; together `size` × `partitions`. */
  readonly quotas: readonly number[]
  /**
   * A number for each node that depends on its id alone: breaks ties so that nodes share partitions
   * with many others.
   */
  readonly salts: readonly number[]
}

/** A place of a replica set whose node is gone. */
export const VACANT = -1
const NOBODY = -1

/**
 * Replica sets that meet the demand, made from `held`: whoever stays keeps its place in its set,
 * who comes takes the place of the one who goes.
 */
export function assign(demand: Demand, held: readonly (readonly number[])[]): number[][] {
  const assignment = new Assignment(demand, held)
  assignment.solve()
  return assignment.sets
}

class Assignment {
  readonly sets: number[][]
  readonly #demand: Demand
  readonly #zoneOf: number[]
  readonly #load: number[]
  // The search: how each node was reached, and in which search it last was.
  readonly #via: number[]
  readonly #from: number[]
  readonly #nodeSeen: number[]
  #search = 0
  // Bounded by: the nodes, each once in a search.
  #queue: number[] = []

  constructor(demand: Demand, held: readonly (readonly number[])[]) {
    const nodes = demand.quotas.length
    this.#demand = demand
    this.sets = held.map((set) => fit(set, demand.size))
    this.#zoneOf = demand.quotas.map(() => NOBODY)
    demand.zones.forEach((zone, z) => zone.nodes.forEach((node) => (this.#zoneOf[node] = z)))
    this.#load = new Array<number>(nodes).fill(0)
    for (const set of this.sets)
      for (const node of set) if (node !== VACANT) this.#load[node] = this.#load[node]! + 1
    this.#via = new Array<number>(nodes).fill(NOBODY)
    this.#from = new Array<number>(nodes).fill(NOBODY)
    this.#nodeSeen = new Array<number>(nodes).fill(0)
  }

  solve(): void {
    for (let p = 0; p < this.sets.length; p++) this.#evict(p)
    for (let p = 0; p < this.sets.length; p++) while (this.#fill(p));
    while (this.#relieve());
    this.#check()
  }

  /** Makes room in partition `p` where the zones it has are not those that it should have. */
  #evict(p: number): void {
    const { zones, size } = this.#demand
    zones.forEach((zone, z) => {
      while (this.#count(p, z) > zone.most) this.#drop(p, (node) => this.#zoneOf[node] === z)
    })
    const taken = (): number =>
      zones.reduce((sum, zone, z) => sum + Math.max(zone.least, this.#count(p, z)), 0)
    while (taken() > size) {
      this.#drop(
        p,
        (node) => this.#count(p, this.#zoneOf[node]!) > zones[this.#zoneOf[node]!]!.least,
      )
    }
  }

  /** Vacates the place of the node that is furthest above its quota. */
  #drop(p: number, mayGo: (node: number) => boolean): void {
    const set = this.sets[p]!
    const excess = (node: number): number => this.#load[node]! - this.#demand.quotas[node]!
    let worst = NOBODY
    for (const node of set) {
      if (node === VACANT || !mayGo(node)) continue
      if (worst === NOBODY || excess(node) > excess(worst)) worst = node
    }
    assert(worst !== NOBODY, () => `nobody can leave partition ${p}`)
    set[set.indexOf(worst)] = VACANT
    this.#load[worst] = this.#load[worst]! - 1
  }

  /** Fills one vacant place of partition `p`; false when there is none. */
  #fill(p: number): boolean {
    if (!this.sets[p]!.includes(VACANT)) return false
    const { zones } = this.#demand
    const needy = zones.findIndex((zone, z) => this.#count(p, z) < zone.least)
    const node = this.#neediest(p, needy)
    if (node !== NOBODY) this.#put(p, VACANT, node)
    else {
      this.#beginSearch()
      const direct = needy >= 0 ? this.#openZone(p, needy, NOBODY) : this.#openPartition(p, NOBODY)
      const end = direct === NOBODY ? this.#searchOn() : direct
      assert(end !== NOBODY, () => `no node for partition ${p}`)
      this.#apply(end)
    }
    return true
  }

  /**
   * The node that partition `p` can take and that lacks most; the zone is given when it must be
   * that one.
   */
  #neediest(p: number, onlyZone: number): number {
    const { zones, quotas, salts } = this.#demand
    const set = this.sets[p]!
    let best = NOBODY
    let bestLack = 0
    let bestTie = 0
    zones.forEach((zone, z) => {
      if (onlyZone >= 0 ? z !== onlyZone : this.#count(p, z) >= zone.most) return
      for (const node of zone.nodes) {
        const lack = quotas[node]! - this.#load[node]!
        if (lack <= 0 || lack < bestLack || set.includes(node)) continue
        const tie = mix(salts[node]!, p)
        if (lack === bestLack && tie <= bestTie) continue
        best = node
        bestLack = lack
        bestTie = tie
      }
    })
    return best
  }

  /**
   * Takes one replica off an overfull node, through as many others as it needs; false when none is
   * overfull.
   */
  #relieve(): boolean {
    this.#beginSearch()
    for (let node = 0; node < this.#load.length; node++) {
      if (this.#load[node]! <= this.#demand.quotas[node]!) continue
      this.#nodeSeen[node] = this.#search
      this.#from[node] = NOBODY
      this.#via[node] = NOBODY
      this.#queue.push(node)
    }
    if (this.#queue.length === 0) return false
    const end = this.#searchOn()
    assert(end !== NOBODY, () => `nobody can relieve node ${this.#queue[0]}`)
    this.#apply(end)
    return true
  }

  #beginSearch(): void {
    this.#search++
    this.#queue = []
  }

  /** Goes on from the queue to the first node with room; NOBODY when none can be reached. */
  #searchOn(): number {
    const { partitions, salts, zones } = this.#demand
    for (let head = 0; head < this.#queue.length; head++) {
      const node = this.#queue[head]!
      const zone = this.#zoneOf[node]!
      // Each node goes through the partitions in an order of its own, so that its replicas go to
      // many different sets.
      const stride = (salts[node]! >>> 8) | 1
      let p = salts[node]! & (partitions - 1)
      for (let i = 0; i < partitions; i++, p = (p + stride) & (partitions - 1)) {
        if (!this.sets[p]!.includes(node)) continue
        let end = this.#openZone(p, zone, node)
        if (end === NOBODY && this.#count(p, zone) > zones[zone]!.least)
          end = this.#openPartition(p, node)
        if (end !== NOBODY) return end
      }
    }
    return NOBODY
  }

  /** Partition `p` can take a node of any zone that has not given it `most` yet. */
  #openPartition(p: number, from: number): number {
    const { zones } = this.#demand
    for (let z = 0; z < zones.length; z++) {
      if (this.#count(p, z) >= zones[z]!.most) continue
      const end = this.#openZone(p, z, from)
      if (end !== NOBODY) return end
    }
    return NOBODY
  }

  /** Partition `p` can take a node of zone `z`, in the place that `from` leaves. */
  #openZone(p: number, z: number, from: number): number {
    const { zones, quotas } = this.#demand
    const set = this.sets[p]!
    for (const node of zones[z]!.nodes) {
      if (this.#nodeSeen[node] === this.#search || set.includes(node)) continue
      this.#nodeSeen[node] = this.#search
      this.#via[node] = p
      this.#from[node] = from
      if (this.#load[node]! < quotas[node]!) return node
      this.#queue.push(node)
    }
    return NOBODY
  }

  /** Executes the path that ends at `end`, last hop first. */
  #apply(end: number): void {
    for (let node = end; ;) {
      const via = this.#via[node]!
      if (via === NOBODY) return
      const from = this.#from[node]!
      this.#put(via, from === NOBODY ? VACANT : from, node)
      if (from === NOBODY) return
      node = from
    }
  }

  #put(p: number, place: number, node: number): void {
    const set = this.sets[p]!
    const at = set.indexOf(place)
    assert(at >= 0, () => `node ${place} is not in partition ${p}`)
    assert(!set.includes(node), () => `node ${node} is in partition ${p} already`)
    set[at] = node
    this.#load[node] = this.#load[node]! + 1
    if (place !== VACANT) this.#load[place] = this.#load[place]! - 1
  }

  #count(p: number, z: number): number {
    let count = 0
    for (const node of this.sets[p]!) if (node !== VACANT && this.#zoneOf[node] === z) count++
    return count
  }

  #check(): void {
    const { quotas, zones } = this.#demand
    quotas.forEach((quota, node) =>
      assert(this.#load[node] === quota, () => `node ${node} has ${this.#load[node]} of ${quota}`),
    )
    for (let p = 0; p < this.sets.length; p++) {
      zones.forEach((zone, z) => {
        const count = this.#count(p, z)
        assert(count >= zone.least, () => `zone ${zone.name} gives ${count} to partition ${p}`)
        assert(count <= zone.most, () => `zone ${zone.name} gives ${count} to partition ${p}`)
      })
    }
  }
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

/** A number that looks random and depends on both (the finaliser of MurmurHash3). */
function mix(salt: number, p: number): number {
  let h = salt ^ Math.imul(p + 1, 0x9e37_79b1)
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return (h ^ (h >>> 16)) >>> 0
}
