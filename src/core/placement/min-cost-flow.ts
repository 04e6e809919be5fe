/**
 * The cheapest of the greatest flows through a network: arcs have a capacity and a cost for each
 * unit, both whole numbers, no cost below 0.
 *
 * Sending one unit at a time along the cheapest path that is left is right, and takes a search of
 * the whole network for each unit. The primal-dual method (Ahuja, Magnanti and Orlin, Network
 * Flows, 1993, §9.8) sends all units of one cost together:
 *
 * 1. A search by cost (Dijkstra) from the source. Vertices keep potentials, by which no arc that
 *    still has room costs less than 0, though taking back a unit of flow does earn its cost.
 * 2. What lies on a cheapest path costs exactly 0 now. Through these arcs alone goes as much as
 *    can: in layers by hops, each layer of paths blocked before the next (Dinic 1970).
 * 3. Again, until the search does not reach the sink.
 *
 * So the work grows with the number of different path costs, which are few where costs are, rather
 * than with the flow.
 *
 * Equal costs: the arcs of a vertex are tried in the order in which they were added, so one order
 * of additions has one answer.
 *
 * Invariants: flow stays within capacities; the potentials leave no arc with room at a cost below
 * 0, which proves that no flow of this value is cheaper.
 */
import { assert } from '../std/assert.ts'

const UNREACHED = -1

export class FlowNetwork {
  readonly #vertices: number
  // Arc 2k is the k-th added, arc 2k + 1 takes its flow back: which vertex it leads to, what still
  // fits through it, and the cost of a unit.
  // Bounded by: the arcs said at the start.
  readonly #head: Int32Array
  readonly #room: Int32Array
  readonly #cost: Float64Array
  #arcs = 0
  readonly #potential: Float64Array
  // Arcs out of vertex v: #out from #begin[v] up to #begin[v + 1].
  #out: Int32Array = new Int32Array(0)
  #begin: Int32Array = new Int32Array(0)

  constructor(vertices: number, arcsMax: number) {
    this.#vertices = vertices
    this.#head = new Int32Array(2 * arcsMax)
    this.#room = new Int32Array(2 * arcsMax)
    this.#cost = new Float64Array(2 * arcsMax)
    this.#potential = new Float64Array(vertices)
  }

  /** The arc's number, for {@link flowThrough}. */
  addArc(from: number, to: number, capacity: number, cost: number): number {
    assert(capacity >= 0, () => `capacity ${capacity}`)
    assert(cost >= 0, () => `cost ${cost}`)
    const arc = this.#arcs
    assert(arc < this.#head.length, () => `more than ${arc / 2} arcs`)
    this.#arcs += 2
    this.#head[arc] = to
    this.#head[arc + 1] = from
    this.#room[arc] = capacity
    this.#cost[arc] = cost
    this.#cost[arc + 1] = -cost
    return arc
  }

  flowThrough(arc: number): number {
    return this.#room[arc ^ 1]!
  }

  /** Sends as much as can be, as cheaply as that can be; says how much. Once only. */
  solve(source: number, sink: number): number {
    this.#index()
    let flow = 0
    while (this.#price(source, sink)) {
      for (;;) {
        const layers = this.#layers(source, sink)
        if (layers === undefined) break
        flow += this.#block(source, sink, layers)
      }
    }
    return flow
  }

  /** No arc with room would save anything: whether the flow is the cheapest of its value. */
  isCheapest(): boolean {
    for (let arc = 0; arc < this.#arcs; arc++)
      if (this.#room[arc]! > 0 && this.#reduced(arc) < 0) return false
    return true
  }

  #index(): void {
    const begin = new Int32Array(this.#vertices + 1)
    const tail = (arc: number): number => this.#head[arc ^ 1]!
    for (let arc = 0; arc < this.#arcs; arc++) begin[tail(arc) + 1]!++
    for (let v = 0; v < this.#vertices; v++) begin[v + 1]! += begin[v]!
    const next = begin.slice()
    this.#out = new Int32Array(this.#arcs)
    for (let arc = 0; arc < this.#arcs; arc++) this.#out[next[tail(arc)]!++] = arc
    this.#begin = begin
  }

  #reduced(arc: number): number {
    return (
      this.#cost[arc]! + this.#potential[this.#head[arc ^ 1]!]! - this.#potential[this.#head[arc]!]!
    )
  }

  /** Step 1: potentials by which the cheapest paths cost 0; false when there is no path. */
  #price(source: number, sink: number): boolean {
    const [heads, rooms, outs, begin] = [this.#head, this.#room, this.#out, this.#begin]
    const [costs, potentials] = [this.#cost, this.#potential]
    const distance = new Float64Array(this.#vertices).fill(Number.POSITIVE_INFINITY)
    const done = new Uint8Array(this.#vertices)
    // Reached at the distance that is being looked at. Bounded by: the arcs.
    const near: number[] = [source]
    const far = new Heap()
    distance[source] = 0
    for (;;) {
      const v = near.pop() ?? far.pop()
      if (v === undefined) return false
      if (v === sink) break
      if (done[v] === 1) continue
      done[v] = 1
      const here = distance[v]!
      const base = here + potentials[v]!
      for (let i = begin[v]!; i < begin[v + 1]!; i++) {
        const arc = outs[i]!
        if (rooms[arc] === 0) continue
        const to = heads[arc]!
        const there = base + costs[arc]! - potentials[to]!
        if (there >= distance[to]!) continue
        distance[to] = there
        if (there === here) near.push(to)
        else far.push(there, to)
      }
    }
    // Whoever is further away than the sink is on no cheapest path and rises as the sink does.
    const most = distance[sink]!
    for (let v = 0; v < this.#vertices; v++)
      potentials[v] = potentials[v]! + Math.min(distance[v]!, most)
    return true
  }

  /** Hops from the source over arcs that have room and cost 0; undefined: the sink is cut off. */
  #layers(source: number, sink: number): Int32Array | undefined {
    const [heads, rooms, outs, begin] = [this.#head, this.#room, this.#out, this.#begin]
    const [costs, potentials] = [this.#cost, this.#potential]
    const layers = new Int32Array(this.#vertices).fill(UNREACHED)
    layers[source] = 0
    // Each vertex once.
    const queue = new Int32Array(this.#vertices)
    queue[0] = source
    for (let at = 0, end = 1; at < end; at++) {
      const v = queue[at]!
      const potential = potentials[v]!
      for (let i = begin[v]!; i < begin[v + 1]!; i++) {
        const arc = outs[i]!
        if (rooms[arc] === 0) continue
        const to = heads[arc]!
        if (layers[to] !== UNREACHED || costs[arc]! + potential !== potentials[to]!) continue
        layers[to] = layers[v]! + 1
        if (to === sink) return layers
        queue[end++] = to
      }
    }
    return undefined
  }

  /** Step 2: sends along paths from layer to layer until each is blocked; how much. */
  #block(source: number, sink: number, layers: Int32Array): number {
    const [heads, rooms, outs, begin] = [this.#head, this.#room, this.#out, this.#begin]
    const next = begin.slice()
    // The arcs from the source to `v`. Bounded by: the layers.
    const path: number[] = []
    let v = source
    let sent = 0
    for (;;) {
      if (v === sink) {
        sent += this.#send(path)
        path.length = 0
        v = source
        continue
      }
      const i = next[v]!
      if (i < begin[v + 1]!) {
        const arc = outs[i]!
        const to = heads[arc]!
        if (rooms[arc]! > 0 && layers[to] === layers[v]! + 1 && this.#reduced(arc) === 0) {
          path.push(arc)
          v = to
        } else next[v] = i + 1
        continue
      }
      const back = path.pop()
      if (back === undefined) return sent
      v = heads[back ^ 1]!
      next[v] = next[v]! + 1
    }
  }

  #send(path: readonly number[]): number {
    const rooms = this.#room
    let amount = Number.POSITIVE_INFINITY
    for (const arc of path) amount = Math.min(amount, rooms[arc]!)
    for (const arc of path) {
      rooms[arc] = rooms[arc]! - amount
      rooms[arc ^ 1] = rooms[arc ^ 1]! + amount
    }
    return amount
  }
}

/** A binary heap of vertices by distance; a vertex may be in it more than once. */
class Heap {
  // Bounded by: the arcs of the network, each of which adds at most one.
  readonly #keys: number[] = []
  readonly #values: number[] = []

  push(key: number, value: number): void {
    let at = this.#keys.length
    this.#keys.push(key)
    this.#values.push(value)
    for (; at > 0; at = (at - 1) >> 1) {
      const above = (at - 1) >> 1
      if (this.#keys[above]! <= key) break
      this.#put(at, this.#keys[above]!, this.#values[above]!)
    }
    this.#put(at, key, value)
  }

  pop(): number | undefined {
    const least = this.#values[0]
    const key = this.#keys.pop()
    const value = this.#values.pop()
    if (key === undefined || value === undefined || this.#keys.length === 0) return least
    let at = 0
    for (let below = 1; below < this.#keys.length; below = 2 * at + 1) {
      const right = below + 1
      if (right < this.#keys.length && this.#keys[right]! < this.#keys[below]!) below = right
      if (this.#keys[below]! >= key) break
      this.#put(at, this.#keys[below]!, this.#values[below]!)
      at = below
    }
    this.#put(at, key, value)
    return least
  }

  #put(at: number, key: number, value: number): void {
    this.#keys[at] = key
    this.#values[at] = value
  }
}
