import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8Encode } from '../src/core/std/bytes.ts'
import { crc32 } from '../src/core/std/crc32.ts'
import type { NodeId, PartitionId } from '../src/core/std/ids.ts'
import { listingKey, recordKey } from '../src/core/node/storage-keys.ts'
import { encodeRecord } from '../src/core/versions/record.ts'
import { container, context, dot, version } from './checkers/hand-made.ts'
import {
  containerText,
  describeLocal,
  describeMessage,
  describeNote,
  describeReply,
  describeRequest,
  describeStore,
  keyName,
  valueText,
} from './describe.ts'

const HELD = container([version(4, dot(0x1abc, 7), 12)], dot(0x1abc, 7), dot(0x2def, 1))
const RECORD = encodeRecord(HELD, crc32)
const KEY = recordKey(3 as PartitionId, 'lww', listingKey(utf8Encode('k1'), undefined))
const nameOf = (id: NodeId): string => `name of ${id}`

test('a storage key reads as bucket and key, with the sort key behind a #', () => {
  assert.equal(keyName(KEY), 'lww/k1')
  const sorted = listingKey(utf8Encode('k'), utf8Encode('s'))
  assert.equal(keyName(recordKey(3 as PartitionId, 'b', sorted)), 'b/k#s')
  assert.equal(keyName(Uint8Array.of(3, 1, 2)), undefined)
})

test('a container reads as its versions with dot and stamp, and its vector', () => {
  assert.equal(containerText(HELD), '[op4@abc.7(12.0) | {abc.7 def.1}]')
  assert.equal(valueText(utf8Encode('op12 ....')), 'op12')
  assert.equal(valueText(utf8Encode('op12')), 'op12')
})

test('a replicate names its key and shows its record to a reader', () => {
  const about = describeMessage(
    {
      type: 'replicate',
      request: 8,
      layoutVersion: 2,
      partition: 3 as PartitionId,
      key: KEY,
      record: RECORD,
      base: new Uint8Array(0),
    },
    Uint8Array.of(1, 2),
  )
  assert.match(about.text, /^replicate #8 p3 v2 2 B [0-9a-f]{8}$/)
  assert.equal(about.key, 'lww/k1')
  assert.equal(about.detail?.(), 'lww/k1 [op4@abc.7(12.0) | {abc.7 def.1}]')
})

test('the same message in other bytes reads differently', () => {
  const message = {
    type: 'read-reply',
    request: 8,
    outcome: 'absent',
    record: new Uint8Array(),
    base: new Uint8Array(),
  } as const
  const texts = [1, 2].map((byte) => describeMessage(message, Uint8Array.of(byte)).text)
  assert.notEqual(texts[0], texts[1])
})

test('a batch reads by its content', () => {
  const put = { type: 'put', key: KEY, value: RECORD } as const
  const about = describeStore(5, [put])
  assert.match(about.text, /^batch 5: 1 operations/)
  assert.equal(about.key, 'lww/k1')
  const others = [
    describeStore(5, []),
    describeStore(5, [{ type: 'delete', key: KEY }]),
    describeStore(5, [{ ...put, value: Uint8Array.of(1) }]),
    describeStore(6, [put]),
  ]
  assert.equal(new Set([about, ...others].map(({ text }) => text)).size, 5)
})

test('requests and replies read as what a client sees', () => {
  const names = { bucket: 'b', key: utf8Encode('k'), sort: undefined, timeoutMs: undefined }
  const value = { bytes: utf8Encode('op9 ..'), contentType: '', metadata: [], expiresAtMs: 0 }
  const put = { type: 'put', ...names, value, context: context(1, dot(1, 2)), w: 3 } as const
  assert.equal(describeRequest(put).text, 'put b/k op9 w=3 with context')
  assert.equal(describeRequest(put).detail?.(), '{001.2}')
  assert.equal(describeRequest({ type: 'get', ...names, r: undefined }).text, 'get b/k r=-')
  const failure = { code: 'DND_ERR_TIMEOUT', outcome: 'unknown', needed: 2, got: 1 } as const
  const failed = describeReply({ type: 'write', result: { ok: false, ...failure, message: 'why' } })
  assert.equal(failed.text, 'DND_ERR_TIMEOUT unknown 1/2')
  assert.equal(failed.detail?.(), 'why')
  const written = describeReply({
    type: 'write',
    result: { ok: true, acks: 2, context: undefined },
  })
  assert.equal(written.text, 'ok, 2 acks')
  assert.equal(written.detail?.(), 'no context')
})

test('events and notes of a node name nodes as the story does', () => {
  const peer = 'abc' as NodeId
  assert.equal(
    describeLocal({ type: 'link-down', peer, reason: 'reset' }, nameOf),
    'to name of abc: reset',
  )
  assert.equal(describeLocal({ type: 'stored', batch: 4 }, nameOf), 'batch 4')
  const note = { type: 'peer-misbehaved', peer, what: 'garbage' } as const
  assert.equal(describeNote(note, nameOf).text, 'peer-misbehaved: name of abc garbage')
  assert.equal(describeNote({ type: 'unreadable', key: KEY }, nameOf).key, 'lww/k1')
})
