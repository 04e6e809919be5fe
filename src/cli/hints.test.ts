import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { HintsJson } from '../../packages/client/src/api.ts'
import { FakeNode } from '../../test/support/fake-node.ts'
import { runCli } from '../../test/support/run-cli.ts'

const TARGET = 'a000000000000003'
const OLDEST = '2026-01-02T03:04:05.000Z'

/** What a node tells whose hints have these numbers; none: it keeps none. */
function told(change: Partial<HintsJson> = {}, ...numbers: readonly number[]): HintsJson {
  const [first, last] = [numbers[0] ?? 0, numbers.at(-1) ?? 0]
  const count = numbers.length
  const target = { node: TARGET, name: 'node3', count, bytes: 2_048, oldest: OLDEST, first, last }
  return {
    ...{ node: 'x', name: 'x', targets: count === 0 ? [] : [target], bytes: 0, bytesMax: 1e9 },
    ...{ counted: true, kept: 0, delivered: 0, refused: 0, dropped: 0, received: 0 },
    writes: { begun: 7, over: 7 },
    ...change,
  }
}

let node: FakeNode
let server: string

before(async () => {
  node = new FakeNode()
  server = await node.start()
  const http = server.replace('http://', '')
  const [self] = node.clusterJson.members
  node.clusterJson = {
    ...node.clusterJson,
    members: [{ ...self!, state: 'alive', addresses: { ...self!.addresses, http } }],
  }
})
after(() => node.stop())

/** The node tells these, one after the other, the last one for ever. */
function plays(...steps: readonly HintsJson[]): () => number {
  let next = 0
  node.intercept = ({ path }) =>
    path === '/hints'
      ? { status: 200, json: steps[Math.min(next++, steps.length - 1)]! }
      : undefined
  return () => next
}

const hints = (...args: readonly string[]): ReturnType<typeof runCli> =>
  runCli(['hints', ...args], { server })

describe('hints', () => {
  test('are listed by who keeps them and for whom', async () => {
    plays(told({}, 5, 6, 9))
    const { code, out } = await hints()
    assert.equal(code, 0)
    assert.match(out, /KEPT BY +FOR +HINTS +BYTES +OLDEST/)
    assert.match(out, / 3 +2\.0 KiB +\d+ d ago/)
  })

  test('of which there are none are told as such', async () => {
    plays(told())
    assert.match((await hints()).out, /no hints are kept/)
  })

  test('are waited for until those of before are delivered, whatever is kept meanwhile', async () => {
    const asked = plays(told({}, 5, 9), told({}, 5, 9), told({}, 9, 12), told({}, 12, 20))
    const { code, out } = await hints('--wait')
    assert.equal(code, 0)
    assert.match(out, /all that were kept when the command began are delivered/)
    assert.equal(asked(), 4)
  })

  test('are waited for only when the writes of before are over, for some may become hints yet', async () => {
    const open = { writes: { begun: 8, over: 6 } }
    const over = { writes: { begun: 9, over: 8 } }
    const asked = plays(told(open), told(open), told(over), told(over, 30), told())
    assert.equal((await hints('--wait')).code, 0)
    assert.equal(asked(), 5)
  })

  test('that found no room meanwhile make the wait fail, with what to do', async () => {
    plays(told({}, 5), told({ refused: 2, dropped: 1 }))
    const { code, out } = await hints('--wait')
    assert.equal(code, 1)
    assert.match(out.replaceAll(/\s+/g, ' '), /3 hints meanwhile found no room.*dnd repair/)
  })
})
