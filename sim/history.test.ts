import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GetRecord, WriteRecord } from './history.ts'
import { History, valueName, writerOf } from './history.ts'

const COMMON = { process: 3, node: 0, bucket: 'b', mode: 'lww', key: 'k', invokedAtMs: 5 } as const

function put(history: History): WriteRecord {
  return history.invoke<WriteRecord>({
    ...COMMON,
    kind: 'put',
    w: 2,
    supersedes: undefined,
    context: undefined,
    acks: 0,
  })
}

function get(history: History): GetRecord {
  return history.invoke<GetRecord>({ ...COMMON, kind: 'get', r: 2, result: undefined })
}

test('invocations and returns share one order', () => {
  const history = new History()
  const first = put(history)
  const second = get(history)
  history.ok(second)
  history.ok(first)
  assert.deepEqual([first.id, second.id], [0, 1])
  assert.deepEqual([first.invoked, second.invoked, second.returned, first.returned], [0, 1, 2, 3])
  assert.deepEqual([first.outcome, second.outcome], ['ok', 'ok'])
})

test('an operation of unknown outcome never returns', () => {
  const history = new History()
  const write = put(history)
  history.unknown(write, 'the node died')
  assert.equal(write.outcome, 'unknown')
  assert.equal(write.returned, Infinity)
  assert.equal(write.reason, 'the node died')
})

test('a failure returns and says why', () => {
  const history = new History()
  const write = put(history)
  history.fail(write, 'DND_ERR_NOT_READY')
  assert.equal(write.outcome, 'fail')
  assert.equal(write.returned, 1)
  assert.equal(write.reason, 'DND_ERR_NOT_READY')
})

test('the lines stand in the order of what happened, with the unknown at the end', () => {
  const history = new History()
  const lost = put(history)
  const read = get(history)
  const pending = put(history)
  history.unknown(lost, 'timeout')
  history.ok(read)
  const lines = history.lines().map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    lines.map(({ type, i }) => [type, i]),
    [
      ['invoke', lost.id],
      ['invoke', read.id],
      ['invoke', pending.id],
      ['ok', read.id],
      ['info', lost.id],
    ],
  )
  assert.deepEqual(lines[0], { type: 'invoke', i: 0, p: 3, f: 'put', key: 'b/k', val: 'op0' })
})

test('the name of a value names its writer', () => {
  assert.equal(writerOf(valueName(123)), 123)
  for (const name of ['', 'op', 'opx', 'xop1', 'op1x']) assert.equal(writerOf(name), undefined)
})
