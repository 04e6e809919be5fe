import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, VnodeId } from '../std/ids.ts'
import { EMPTY_CONTAINER, sync, write } from '../versions/container.ts'
import { encodeBase, NO_BASE } from '../versions/partition-clock.ts'
import { encodeRecord, encodeStripped } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'
import type { Answer } from './read-answers.ts'
import { ABSENT, isBehind, mergeAnswers } from './read-answers.ts'

function written(vnode: number, local: Container = EMPTY_CONTAINER): Container {
  return write(local, {
    dot: { vnode: vnode as VnodeId, counter: 1 },
    stamp: { ms: vnode, counter: 0 },
    value: { bytes: Uint8Array.of(vnode), contentType: 'a/b', metadata: [], expiresAtMs: 0 },
    context: local.vector,
    tombstone: false,
  })
}

function answers(...records: readonly Answer['record'][]): Answer[] {
  return records.map((record, i) => ({
    node: String(i).repeat(16) as NodeId,
    record,
    base: NO_BASE,
  }))
}

const ONE = encodeRecord(written(1), crc32)
const OTHER = encodeRecord(written(2), crc32)

test('no answer that has a record is nothing', () => {
  for (const list of [answers(), answers(ABSENT, ABSENT), answers('unreadable', ABSENT)])
    assert.deepEqual(mergeAnswers(list, crc32), {
      ...{ container: EMPTY_CONTAINER, corrupt: [] },
    })
})

test('equal answers are decoded once', () => {
  const list = answers(ONE, ONE.slice())
  assert.deepEqual(mergeAnswers(list, crc32).container, written(1))
  assert.equal(list[0]!.container, list[1]!.container)
})

test('different records are merged, in whatever order', () => {
  const both = sync(written(1), written(2))
  for (const list of [answers(ONE, OTHER), answers(OTHER, ONE, ONE)]) {
    const { container, corrupt } = mergeAnswers(list, crc32)
    assert.deepEqual(container, both)
    assert.deepEqual(corrupt, [])
  }
})

test('a record that does not decode is named, and changes nothing', () => {
  const broken = ONE.map((byte, i) => (i === 7 ? byte ^ 1 : byte))
  const list = answers(broken, OTHER)
  const { container, corrupt } = mergeAnswers(list, crc32)
  assert.deepEqual(container, written(2))
  assert.deepEqual(corrupt, [list[0]])
})

test('what a replica without a record has seen and let go does not come back', () => {
  const list = answers(ABSENT, ONE)
  list[0] = { ...list[0]!, base: encodeBase([{ vnode: 1 as VnodeId, counter: 1 }]) }
  const { container } = mergeAnswers(list, crc32)
  assert.deepEqual(container.versions, [])
  assert.deepEqual(container.vector, [{ vnode: 1, counter: 1 }])
  assert.ok(!isBehind(list[0], container))
  assert.ok(isBehind(list[1]!, container), 'the other must let it go as well')
})

test('a stripped record ends what its base covers', () => {
  const list = answers(ONE, ABSENT)
  const base = [
    { vnode: 1 as VnodeId, counter: 1 },
    { vnode: 2 as VnodeId, counter: 1 },
  ]
  list[1] = {
    ...list[1]!,
    record: encodeStripped(written(2, written(1)), base, crc32),
    base: encodeBase(base),
  }
  const { container } = mergeAnswers(list, crc32)
  assert.deepEqual(
    container.versions.map(({ dot }) => dot.vnode),
    [2],
  )
})

test('a base that does not decode makes no answer', () => {
  const list = answers(ABSENT)
  list[0] = { ...list[0]!, base: Uint8Array.of(9) }
  assert.equal(mergeAnswers(list, crc32).corrupt.length, 1)
})
