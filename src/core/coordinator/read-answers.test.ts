import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, VnodeId } from '../std/ids.ts'
import { EMPTY_CONTAINER, sync, write } from '../versions/container.ts'
import { decodeRecord, encodeRecord } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'
import type { Answer } from './read-answers.ts'
import { ABSENT, mergeAnswers } from './read-answers.ts'

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
  return records.map((record, i) => ({ node: String(i).repeat(16) as NodeId, record }))
}

const ONE = encodeRecord(written(1), crc32)
const OTHER = encodeRecord(written(2), crc32)

test('no answer that has a record is nothing', () => {
  for (const list of [answers(), answers(ABSENT, ABSENT), answers('unreadable', ABSENT)])
    assert.deepEqual(mergeAnswers(list, crc32), {
      ...{ container: EMPTY_CONTAINER, record: ABSENT, corrupt: [] },
    })
})

test('equal records are that record, as it came', () => {
  const { record, container } = mergeAnswers(answers(ONE, ABSENT, ONE.slice()), crc32)
  assert.equal(record, ONE)
  assert.deepEqual(container, written(1))
})

test('different records are merged, in whatever order, and encoded once more', () => {
  const both = sync(written(1), written(2))
  for (const list of [answers(ONE, OTHER), answers(OTHER, ONE, ONE)]) {
    const { record, container, corrupt } = mergeAnswers(list, crc32)
    assert.deepEqual(container, both)
    assert.deepEqual(decodeRecord(record, crc32), both)
    assert.deepEqual(corrupt, [])
  }
})

test('a record that does not decode is named, and changes nothing', () => {
  const broken = ONE.map((byte, i) => (i === 7 ? byte ^ 1 : byte))
  const list = answers(broken, OTHER)
  const { record, corrupt } = mergeAnswers(list, crc32)
  assert.equal(record, OTHER)
  assert.deepEqual(corrupt, [list[0]])
})
