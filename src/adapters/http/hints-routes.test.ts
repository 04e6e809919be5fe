import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NODES, serve } from './fixture.test.ts'

test('hints are told by target, with the names of nodes and the numbers to compare', async (t) => {
  const { base, gateway } = await serve(t)
  const target = NODES[2]!
  gateway.hints = {
    targets: [{ target, count: 3, bytes: 210, oldestMs: 1_000, first: 64_000, last: 64_009 }],
    ...{ bytes: 210, bytesMax: 1_000, isCounted: false, received: 7 },
    counts: { kept: 9, delivered: 5, refused: 2, dropped: 1 },
  }
  const response = await fetch(`${base}/hints`)
  assert.equal(response.status, 200)
  assert.deepEqual(await response.json(), {
    ...{ node: NODES[0], name: 'node1<b>', bytes: 210, bytesMax: 1_000, counted: false },
    targets: [
      {
        ...{ node: target, name: 'node3<b>', count: 3, bytes: 210, first: 64_000, last: 64_009 },
        oldest: '1970-01-01T00:00:01.000Z',
      },
    ],
    ...{ kept: 9, delivered: 5, refused: 2, dropped: 1, received: 7 },
    writes: { begun: 12, over: 10 },
  })
})

test('a node that is being started has nothing to tell yet', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.started = false
  assert.equal((await fetch(`${base}/hints`)).status, 503)
})
