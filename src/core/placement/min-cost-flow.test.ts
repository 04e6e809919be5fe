import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FlowNetwork } from './min-cost-flow.ts'

interface Arc {
  readonly from: number
  readonly to: number
  readonly capacity: number
  readonly cost: number
}

function solved(vertices: number, arcs: readonly Arc[]): { flow: number; cost: number } {
  const network = new FlowNetwork(vertices, arcs.length)
  const numbers = arcs.map(({ from, to, capacity, cost }) =>
    network.addArc(from, to, capacity, cost),
  )
  const flow = network.solve(0, vertices - 1)
  const flows = numbers.map((arc) => network.flowThrough(arc))
  for (let v = 0; v < vertices; v++) {
    const out = arcs.reduce(
      (sum, { from, to }, i) => sum + (from === v ? flows[i]! : 0) - (to === v ? flows[i]! : 0),
      0,
    )
    assert.equal(out, v === 0 ? flow : v === vertices - 1 ? 0 - flow : 0, `vertex ${v}`)
  }
  arcs.forEach(({ capacity }, i) => assert.ok(flows[i]! >= 0 && flows[i]! <= capacity))
  assert.ok(network.isCheapest())
  return { flow, cost: arcs.reduce((sum, { cost }, i) => sum + cost * flows[i]!, 0) }
}

test('a flow that took the cheap arc first takes it back where that lets more through', () => {
  //     1
  //   / | \       The path 0-1-2-3 is the cheapest and leaves no room for a second unit.
  //  0  |  3
  //   \ v /
  //     2
  const arcs = [
    { from: 0, to: 1, capacity: 1, cost: 1 },
    { from: 1, to: 2, capacity: 1, cost: 0 },
    { from: 2, to: 3, capacity: 1, cost: 1 },
    { from: 0, to: 2, capacity: 1, cost: 5 },
    { from: 1, to: 3, capacity: 1, cost: 5 },
  ]
  assert.deepEqual(solved(4, arcs), { flow: 2, cost: 12 })
})

test('arcs that cost the same are used in the order in which they were added', () => {
  const network = new FlowNetwork(2, 3)
  const arcs = [3, 3, 3].map((cost) => network.addArc(0, 1, 1, cost))
  const narrow = new FlowNetwork(3, 4)
  narrow.addArc(0, 1, 2, 0)
  const outs = [1, 1, 1].map((cost) => narrow.addArc(1, 2, 1, cost))
  assert.equal(network.solve(0, 1), 3)
  assert.equal(narrow.solve(0, 2), 2)
  assert.deepEqual(
    arcs.map((arc) => network.flowThrough(arc)),
    [1, 1, 1],
  )
  assert.deepEqual(
    outs.map((arc) => narrow.flowThrough(arc)),
    [1, 1, 0],
  )
})

test('without a way to the sink nothing flows', () => {
  assert.deepEqual(solved(3, [{ from: 0, to: 1, capacity: 4, cost: 0 }]), { flow: 0, cost: 0 })
})

/** The cheapest greatest flow by trying every one. */
function everyFlow(vertices: number, arcs: readonly Arc[]): { flow: number; cost: number } {
  const surplus = new Array<number>(vertices).fill(0)
  let best = { flow: 0, cost: 0 }
  const descend = (i: number, cost: number): void => {
    const arc = arcs[i]
    if (arc === undefined) {
      const flow = surplus[vertices - 1]!
      const kept = surplus.every((sum, v) => v === 0 || v === vertices - 1 || sum === 0)
      if (kept && (flow > best.flow || (flow === best.flow && cost < best.cost)))
        best = { flow, cost }
      return
    }
    for (let units = 0; units <= arc.capacity; units++) {
      surplus[arc.from]! -= units
      surplus[arc.to]! += units
      descend(i + 1, cost + units * arc.cost)
      surplus[arc.from]! += units
      surplus[arc.to]! -= units
    }
  }
  descend(0, 0)
  return best
}

test('no flow is greater, and none as great is cheaper, than what is found in any network', () => {
  const vertex = fc.integer({ min: 0, max: 4 })
  const arc = fc
    .record({
      from: vertex,
      to: vertex,
      capacity: fc.integer({ min: 0, max: 2 }),
      cost: fc.integer({ min: 0, max: 6 }),
    })
    .filter(({ from, to }) => from !== to)
  fc.assert(
    fc.property(fc.array(arc, { maxLength: 8 }), (arcs) => {
      assert.deepEqual(solved(5, arcs), everyFlow(5, arcs))
    }),
    { seed: 61, numRuns: 600 },
  )
})

test('a cost below 0 is our bug: the first search could not see it', () => {
  assert.throws(() => new FlowNetwork(2, 1).addArc(0, 1, 1, -1), /cost -1/)
})
