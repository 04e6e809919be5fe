import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { LayoutJson } from '../../packages/client/src/api.ts'
import type { FakeAnswer } from '../../test/support/fake-node.ts'
import { FakeNode } from '../../test/support/fake-node.ts'
import type { CliOptions, CliResult } from '../../test/support/run-cli.ts'
import { runCli, startCli } from '../../test/support/run-cli.ts'

const DEAD = '00000000000000a3'
const WORDS = 'lose 12 partitions'
const REASON = `without node3 (${DEAD}), 12 partitions have lost their last replica, and all that was in it`

let node: FakeNode
let server: string
/** What was said of the node, in order. */
let said: { readonly node: string; readonly partitions: number }[]
/** Partitions that lose their last replica. */
let orphans: number
/** How often the layout still has the node after it was removed. */
let looks: number
let refusal: FakeAnswer | undefined
let present: LayoutJson

before(async () => {
  node = new FakeNode()
  server = await node.start()
  present = node.layoutJson
})
after(() => node.stop())
beforeEach(() => {
  said = []
  orphans = 0
  looks = 2
  refusal = undefined
  node.layoutJson = present
  node.intercept = ({ path, body }) => {
    if (path === '/layout' && said.length > 0 && looks-- <= 0)
      return { status: 200, json: { ...present, roles: present.roles.slice(0, 2) } }
    if (path !== '/layout/remove') return undefined
    const asked = JSON.parse(body.toString()) as (typeof said)[number]
    said.push(asked)
    if (refusal !== undefined) return refusal
    if (asked.partitions < orphans) return problem(409, 'DND_ERR_WOULD_LOSE_DATA', REASON)
    return { status: 202, json: { node: DEAD } }
  }
})

function problem(status: number, code: string, detail: string): FakeAnswer {
  return {
    status,
    json: { type: 'about:blank', title: code, status, code, detail, outcome: 'rejected' },
  }
}

const remove = (args: readonly string[] = [], options: CliOptions = {}): Promise<CliResult> =>
  runCli(['remove', 'node3', ...args], { server, ...options })

describe('remove', () => {
  test('says it once, and waits until the layout is without the node', async () => {
    const { code, out, err } = await remove()
    assert.deepEqual([code, err], [0, ''])
    assert.equal(
      out,
      'node3 is out of the layout. "dnd status" says how far the copying is of what it held.\n',
    )
    assert.deepEqual(said, [{ node: 'node3', partitions: 0 }])
    assert.ok(looks < 0)
  })

  test('does not wait when it is told so', async () => {
    const { code, out } = await remove(['--no-wait'])
    assert.equal(code, 0)
    assert.equal(out, 'node3 will be removed; "dnd ring" shows what is copied.\n')
    assert.equal(looks, 2)
  })

  test('--json prints one value', async () => {
    const { code, out } = await remove(['--json'])
    assert.deepEqual([code, JSON.parse(out)], [0, { node: DEAD }])
  })

  test('without the words nothing is given up, and the words are told', async () => {
    orphans = 12
    const { code, out, err } = await remove()
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^dnd: without node3 \(00000000000000a3\), 12 partitions have lost/)
    assert.match(
      err,
      /\n {5}If you know that, say it: dnd remove node3 --confirm "lose 12 partitions"/,
    )
    assert.deepEqual(said, [{ node: 'node3', partitions: 0 }])
  })

  test('other words are no confirmation', async () => {
    orphans = 12
    for (const words of ['yes', 'lose 11 partitions', 'Lose 12 partitions', '12']) {
      assert.equal((await remove(['--confirm', words])).code, 1, words)
      assert.ok(said.every(({ partitions }) => partitions === 0))
    }
  })

  test('with the words it says of how many partitions', async () => {
    orphans = 12
    const { code, out } = await remove(['--confirm', WORDS])
    assert.equal(code, 0)
    assert.match(out, /^node3 is out of the layout/)
    assert.deepEqual(said, [
      { node: 'node3', partitions: 0 },
      { node: 'node3', partitions: 12 },
    ])
  })

  test('words for what is not lost do no harm', async () => {
    assert.equal((await remove(['--confirm', WORDS])).code, 0)
    assert.deepEqual(said, [{ node: 'node3', partitions: 0 }])
  })

  test('one partition is one partition', async () => {
    refusal = problem(
      409,
      'DND_ERR_WOULD_LOSE_DATA',
      'without node3, 1 partition has lost its last replica',
    )
    assert.match((await remove()).err, /--confirm "lose 1 partition"\.\n/)
  })

  test('a person at a terminal is asked, and must type the words', async () => {
    orphans = 12
    const typed = await remove([], { input: `${WORDS}\n`, inputTty: true })
    assert.equal(typed.code, 0)
    assert.match(
      typed.err,
      /have lost their last replica.*\nType "lose 12 partitions" to go on:\n$/,
    )
    assert.equal(said.at(-1)?.partitions, 12)
    for (const input of ['y\n', '\n', '']) {
      const { code } = await remove([], { input, inputTty: true })
      assert.equal(code, 1)
      assert.equal(said.at(-1)?.partitions, 0)
    }
  })

  test('a refusal is told with what to do instead', async () => {
    const cases = [
      [404, 2, 'DND_ERR_NODE_UNKNOWN', /Look at "dnd status"/],
      [409, 1, 'DND_ERR_NODE_UP', /Let it leave: "dnd leave"/],
      [409, 1, 'DND_ERR_LAST_NODE', /let another node join/],
      [503, 1, 'DND_ERR_NOT_READY', /shortly|moment|wait/i],
    ] as const
    for (const [status, exit, name, advice] of cases) {
      refusal = problem(status, name, 'the reason')
      const { code, out, err } = await remove()
      assert.deepEqual([code, out], [exit, ''], name)
      assert.match(err, /^dnd: the reason/)
      assert.match(err, advice)
    }
  })

  test('without an answer says that it may be removed, and nothing of keys', async () => {
    refusal = { hang: true }
    const { code, err } = await remove(['--timeout', '50'])
    assert.equal(code, 3)
    assert.match(err, /did not answer within 50 ms\n {5}It may be removed: "dnd layout show" tells/)
  })

  test('Ctrl-C ends the display and says that the removal goes on', async () => {
    looks = Number.POSITIVE_INFINITY
    const { intercept } = node
    let seen = 0
    node.intercept = (request) => {
      if (request.path === '/layout' && ++seen === 2) running.interrupt()
      return intercept?.(request)
    }
    const running = startCli(['remove', 'node3'], { server })
    const { code, err } = await running.done
    assert.equal(code, 1)
    assert.match(err, /stopped looking on; the node is removed all the same\n {5}See dnd ring/)
  })
})
