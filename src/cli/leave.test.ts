import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { LeaveJson } from '../../packages/client/src/api.ts'
import type { FakeAnswer } from '../../test/support/fake-node.ts'
import { FakeNode } from '../../test/support/fake-node.ts'
import type { CliResult } from '../../test/support/run-cli.ts'
import { runCli, startCli } from '../../test/support/run-cli.ts'

const STEP: LeaveJson = {
  node: '00000000000000a1',
  name: 'node1',
  phase: 'waiting',
  partitions: 8,
  records: 0,
  directory: '/var/lib/dnd',
}

let node: FakeNode
let other: FakeNode
let server: string

before(async () => {
  node = new FakeNode()
  other = new FakeNode()
  server = await node.start()
  const address = (await other.start()).replace('http://', '')
  const [self, second, ...rest] = node.clusterJson.members
  const addresses = { ...second!.addresses, http: address }
  node.clusterJson = { ...node.clusterJson, members: [self!, { ...second!, addresses }, ...rest] }
})
after(async () => {
  await node.stop()
  await other.stop()
})
beforeEach(() => {
  node.intercept = undefined
  node.requests.length = 0
})

/** The node answers the wish with the first step and looks with the others; then it is gone. */
function plays(steps: readonly (Partial<LeaveJson> | FakeAnswer)[]): void {
  let next = 0
  node.intercept = ({ path }) => {
    if (path !== '/leave') return undefined
    const step = steps[next++]
    if (step === undefined || 'break' in step) return { break: true }
    if ('status' in step) return step
    return { status: next === 1 ? 202 : 200, json: { ...STEP, ...step } }
  }
}

const leave = (args: readonly string[] = []): Promise<CliResult> =>
  runCli(['leave', ...args], { server })

function othersSee(state: 'dead' | 'left'): void {
  const [self, ...rest] = node.clusterJson.members
  other.clusterJson = { ...node.clusterJson, members: [{ ...self!, state }, ...rest] }
}

describe('leave', () => {
  test('asks once, tells how far it is, waits until nobody answers, and says what is true then', async () => {
    plays([
      { waitsFor: 'a layout', warning: 'fewer copies' },
      { phase: 'moving', waitsFor: 'data to be moved to node2', records: 1_234 },
      { phase: 'left', partitions: 0, records: 5_000 },
    ])
    const { code, out, err } = await leave()
    assert.equal(code, 0)
    assert.equal(
      out,
      'node1 has left; its data is on the other nodes; its directory /var/lib/dnd can be deleted\n',
    )
    assert.deepEqual(err.trimEnd().split('\n'), [
      'node1 was asked to leave; Ctrl-C stops this display, and not the leave',
      'note: fewer copies',
      '8 partitions to hand over, 0 records sent; waits for a layout',
      '8 partitions to hand over, 1,234 records sent; waits for data to be moved to node2',
      '0 partitions to hand over, 5,000 records sent; says goodbye',
    ])
    const asked = node.requests.filter(({ method }) => method === 'POST')
    assert.deepEqual(
      asked.map(({ path }) => path),
      ['/leave'],
    )
  })

  test('--json prints one value, when it is over', async () => {
    plays([{}, { phase: 'left', partitions: 0 }])
    const { code, out, err } = await leave(['--json'])
    assert.deepEqual([code, err], [0, ''])
    assert.deepEqual(JSON.parse(out), { ...STEP, phase: 'left', partitions: 0 })
  })

  test('a node that ends while nobody looks has left if the others say so', async () => {
    othersSee('left')
    plays([{}, { phase: 'telling', partitions: 0 }])
    const { code, out } = await leave()
    assert.equal(code, 0)
    assert.match(out, /^node1 has left/)
  })

  test('a node that dies before it has left is not said to have left', async () => {
    othersSee('dead')
    plays([{}, { phase: 'moving' }])
    const { code, out, err } = await leave()
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /node1 stopped answering before it had left, with 8 partitions to hand over/)
    assert.match(err, /start it again with its data: it goes on leaving. Do not delete/)
  })

  test('a node that is back in another life has left', async () => {
    plays([{}, { phase: 'left' }, { phase: 'staying' }])
    assert.equal((await leave()).code, 0)
  })

  test('a node that is just being stopped is asked again', async () => {
    const problem = { type: 'about:blank', title: 'x', status: 503, code: 'DND_ERR_NOT_READY' }
    plays([{}, { status: 503, json: problem }, { phase: 'left' }])
    assert.equal((await leave()).code, 0)
  })

  test('a refusal is told with what to do instead', async () => {
    const problem = { type: 'about:blank', title: 'x', status: 409, code: 'DND_ERR_LAST_NODE' }
    plays([{ status: 409, json: { ...problem, detail: 'no other node holds data' } }])
    const { code, out, err } = await leave()
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^dnd: no other node holds data.*\n {5}Stop it instead/)
  })

  test('of several nodes none is asked: another one might leave in place of one that is down', async () => {
    const { code, err } = await leave(['--server', server, '--server', 'http://127.0.0.1:1'])
    assert.equal(code, 2)
    assert.match(err, /several nodes are named\n {5}Name the one that is to leave/)
    assert.deepEqual(node.requests, [])
  })

  test('Ctrl-C ends the display and says that the leave goes on', async () => {
    let looks = 0
    node.intercept = ({ path, method }) => {
      if (path !== '/leave') return undefined
      if (++looks === 3) running.interrupt()
      return { status: method === 'POST' ? 202 : 200, json: { ...STEP, waitsFor: 'a layout' } }
    }
    const running = startCli(['leave'], { server })
    const { code, err } = await running.done
    assert.equal(code, 1)
    assert.match(err, /stopped looking on; node1 goes on leaving, which cannot be taken back/)
  })
})
