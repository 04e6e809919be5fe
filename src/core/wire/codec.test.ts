import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { FailureCode, WriteOperation } from '../coordinator/messages.ts'
import { bucketNameProblem } from '../node/buckets.ts'
import { AssertionError } from '../std/assert.ts'
import { ByteWriter, utf8Encode } from '../std/bytes.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import {
  BUCKETS_MAX,
  FRAME_BYTES_MAX,
  KEY_BYTES_MAX,
  LIST_LIMIT_MAX,
  NODES_MAX,
  RECORD_BYTES_MAX,
} from '../std/limits.ts'
import { TRANSFER_CHUNK_RECORDS_MAX } from '../repair/messages.ts'
import { messages, plain, SEED } from './arbitraries.test.ts'
import { decodeLink, decodeMessage, encodeMessage } from './codec.ts'
import { FAILURE_MESSAGE_BYTES_MAX } from './coordinator-codec.ts'
import type { PeerMessage } from './messages.ts'
import {
  BUCKET,
  FORWARD_PUT,
  LIST_REQUEST,
  MEMBER,
  NODE_A,
  REPLICATE,
  SAMPLES,
} from './samples.test.ts'

function encode(message: PeerMessage): Uint8Array {
  const writer = new ByteWriter()
  encodeMessage(writer, message)
  return writer.take()
}

function roundTrip(message: PeerMessage): PeerMessage | undefined {
  return decodeMessage(encode(message))
}

/** `message`, a `kind`, with other fields. */
function change<K extends PeerMessage['type']>(
  message: PeerMessage,
  kind: K,
  fields: Partial<Extract<PeerMessage, { type: K }>>,
): PeerMessage {
  assert.equal(message.type, kind)
  return { ...message, ...fields } as PeerMessage
}

function forward(fields: Partial<WriteOperation>): PeerMessage {
  assert.equal(FORWARD_PUT.type, 'forward')
  return { ...FORWARD_PUT, operation: { ...FORWARD_PUT.operation, ...fields } } as PeerMessage
}

function stateSync(fields: Partial<Extract<PeerMessage, { type: 'state-sync' }>>): PeerMessage {
  return change(SAMPLES['state-sync, empty']!, 'state-sync', fields)
}

suite('every message', () => {
  test('comes back as it was sent', () => {
    fc.assert(
      fc.property(messages, (message) => assert.deepEqual(roundTrip(message), plain(message))),
      { seed: SEED, numRuns: 2000 },
    )
  })

  test('is read back from the middle of a larger chunk, its bytes being views into it', () => {
    const bytes = encode(REPLICATE)
    const chunk = new Uint8Array(bytes.length + 20)
    chunk.set(bytes, 10)
    const message = decodeMessage(chunk.subarray(10, 10 + bytes.length))
    assert.ok(message?.type === 'replicate')
    assert.equal(message.record.buffer, chunk.buffer)
  })

  test('cut short anywhere is malformed', () => {
    for (const message of Object.values(SAMPLES)) {
      const bytes = encode(message)
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(decodeMessage(bytes.subarray(0, length)), undefined, message.type)
      }
    }
  })

  test('followed by a byte is malformed', () => {
    for (const message of Object.values(SAMPLES)) {
      assert.equal(decodeMessage(Uint8Array.of(...encode(message), 0)), undefined, message.type)
    }
  })
})

suite('hostile bytes', () => {
  test('of any kind give a message or undefined', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeMessage(bytes)
        decodeLink(bytes)
      }),
      { seed: SEED, numRuns: 5000 },
    )
  })

  test('behind every type byte give a message or undefined', () => {
    fc.assert(
      fc.property(fc.nat(0x40), fc.uint8Array({ maxLength: 100 }), (type, bytes) => {
        decodeMessage(Uint8Array.of(type, ...bytes))
      }),
      { seed: SEED, numRuns: 5000 },
    )
  })

  test('of a changed message are malformed or the only encoding of another message', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(messages, changes, (message, edits) => {
        const bytes = encode(message)
        for (const [at, value] of edits) bytes[at % bytes.length] = value
        const decoded = decodeMessage(bytes)
        if (decoded !== undefined) assert.deepEqual(encode(decoded), bytes)
      }),
      { seed: SEED, numRuns: 5000 },
    )
  })

  test('claiming more items than there are bytes cost nothing', () => {
    const many = [0xff, 0xff, 0xff, 0x7f]
    assert.equal(decodeMessage(Uint8Array.of(0x20, 0, ...many)), undefined)
    assert.equal(decodeMessage(Uint8Array.of(0x23, 1, 1, 0, ...many)), undefined)
    assert.equal(decodeMessage(Uint8Array.of(0x31, 1, 1, 0, ...many)), undefined)
    assert.equal(decodeMessage(Uint8Array.of(0x10, 1, 1, 0, 0, ...many)), undefined)
  })

  test('with a type that no message has are malformed', () => {
    const known = new Set(Object.values(SAMPLES).map((message) => encode(message)[0]))
    for (let type = 0; type < 256; type++) {
      if (!known.has(type)) assert.equal(decodeMessage(Uint8Array.of(type)), undefined)
    }
    assert.equal(decodeMessage(new Uint8Array(0)), undefined)
  })
})

suite('limits', () => {
  test('a record of the greatest size fits, and its frame fits a frame', () => {
    const largest = change(REPLICATE, 'replicate', {
      request: Number.MAX_SAFE_INTEGER,
      layoutVersion: Number.MAX_SAFE_INTEGER,
      key: new Uint8Array(3 + 64 + 1 + KEY_BYTES_MAX + 4),
      record: new Uint8Array(RECORD_BYTES_MAX),
    })
    const bytes = encode(largest)
    assert.ok(bytes.length <= FRAME_BYTES_MAX)
    assert.ok(decodeMessage(bytes) !== undefined)
  })

  test('a record over the limit is malformed', () => {
    const record = new Uint8Array(RECORD_BYTES_MAX + 1)
    assert.equal(roundTrip(change(REPLICATE, 'replicate', { record })), undefined)
    const found = change(SAMPLES['read-reply, found']!, 'read-reply', { record })
    assert.equal(roundTrip(found), undefined)
  })

  test('a storage key over the limit is malformed', () => {
    const key = new Uint8Array(3 + 64 + 1 + KEY_BYTES_MAX + 4 + 1)
    assert.equal(roundTrip(change(REPLICATE, 'replicate', { key })), undefined)
    assert.equal(roundTrip(change(SAMPLES['read']!, 'read', { key })), undefined)
    const after = change(SAMPLES['transfer-request']!, 'transfer-request', { after: key })
    assert.equal(roundTrip(after), undefined)
  })

  test('a partition that no ring has is malformed', () => {
    const last = change(REPLICATE, 'replicate', { partition: 4095 as PartitionId })
    const beyond = change(REPLICATE, 'replicate', { partition: 4096 as PartitionId })
    assert.deepEqual(roundTrip(last), last)
    assert.equal(roundTrip(beyond), undefined)
  })

  test('key and sort key share one limit, in which a zero byte counts twice', () => {
    const key = new Uint8Array(KEY_BYTES_MAX - 1).fill(1)
    const fits = forward({ key, sort: Uint8Array.of(1) })
    assert.deepEqual(roundTrip(fits), fits)
    assert.equal(roundTrip(forward({ key, sort: Uint8Array.of(1, 1) })), undefined)
    assert.equal(roundTrip(forward({ key, sort: Uint8Array.of(0) })), undefined)
    const zeros = new Uint8Array(KEY_BYTES_MAX / 2)
    assert.notEqual(roundTrip(forward({ key: zeros, sort: undefined })), undefined)
    const more = new Uint8Array(KEY_BYTES_MAX / 2 + 1)
    assert.equal(roundTrip(forward({ key: more, sort: undefined })), undefined)
  })

  test('a listing asks for at least one entry and at most one more than a page', () => {
    for (const limit of [1, LIST_LIMIT_MAX + 1]) {
      const request = change(LIST_REQUEST, 'list-request', { limit })
      assert.deepEqual(roundTrip(request), request)
    }
    for (const limit of [0, LIST_LIMIT_MAX + 2]) {
      assert.equal(roundTrip(change(LIST_REQUEST, 'list-request', { limit })), undefined)
    }
  })

  test('a bound of a listing may stand right behind the longest key, and no further', () => {
    const longest = new Uint8Array(KEY_BYTES_MAX + 5)
    const request = change(LIST_REQUEST, 'list-request', { from: longest, to: longest })
    assert.deepEqual(roundTrip(request), request)
    const beyond = new Uint8Array(KEY_BYTES_MAX + 6)
    assert.equal(roundTrip(change(LIST_REQUEST, 'list-request', { from: beyond })), undefined)
    assert.equal(roundTrip(change(LIST_REQUEST, 'list-request', { to: beyond })), undefined)
  })

  test('more entries than their message may have are our own bug when sent', () => {
    const entry = { key: new Uint8Array(0), summary: new Uint8Array(0) }
    const entries = new Array<typeof entry>(LIST_LIMIT_MAX + 2).fill(entry)
    const reply = change(SAMPLES['list-reply']!, 'list-reply', { entries })
    assert.throws(() => encode(reply), AssertionError)
    const record = { key: new Uint8Array(0), record: new Uint8Array(0) }
    const chunk = change(SAMPLES['transfer-chunk']!, 'transfer-chunk', {
      entries: new Array<typeof record>(TRANSFER_CHUNK_RECORDS_MAX + 1).fill(record),
    })
    assert.throws(() => encode(chunk), AssertionError)
    const crowd = new Array<typeof MEMBER>(NODES_MAX + 1).fill(MEMBER)
    assert.throws(() => encode(stateSync({ members: crowd })), AssertionError)
    const buckets = new Array<typeof BUCKET>(BUCKETS_MAX + 1).fill(BUCKET)
    assert.throws(() => encode(stateSync({ buckets })), AssertionError)
  })

  test('as many entries as their message may have are read back', () => {
    const entry = { key: new Uint8Array(0), summary: new Uint8Array(0) }
    const entries = new Array<typeof entry>(LIST_LIMIT_MAX + 1).fill(entry)
    const reply = change(SAMPLES['list-reply']!, 'list-reply', { entries })
    assert.deepEqual(roundTrip(reply), reply)
    const crowd = stateSync({ members: new Array<typeof MEMBER>(NODES_MAX).fill(MEMBER) })
    assert.deepEqual(roundTrip(crowd), crowd)
  })
})

suite('forwarded writes', () => {
  test('carry the rest of the patience in whole milliseconds, never more than there is', () => {
    const patience: [said: number, heard: number][] = [
      [0.9, 0],
      [-3, 0],
      [1234.56, 1234],
      [Number.POSITIVE_INFINITY, 0xffff_ffff],
    ]
    for (const [said, heard] of patience) {
      assert.deepEqual(roundTrip(forward({ timeoutMs: said })), forward({ timeoutMs: heard }))
    }
  })

  test('with an unknown part announced are malformed', () => {
    const bytes = encode(SAMPLES['forward, delete']!)
    bytes[3] = 8
    assert.equal(decodeMessage(bytes), undefined)
  })

  test('with a w that no byte can say are our own bug', () => {
    for (const w of [0, 256, -1]) assert.throws(() => encode(forward({ w })), AssertionError)
  })

  test('name a bucket by the rule of bucket names', () => {
    const tried = ['a', 'a.b_c-d', '0', 'A', '', '-a', 'a b', 'a\0b', 'ä', 'x'.repeat(64)]
    for (const bucket of [...tried, 'x'.repeat(65), '_a', 'a/b']) {
      const allowed = bucketNameProblem(bucket) === undefined
      assert.equal(roundTrip(forward({ bucket })) !== undefined, allowed, JSON.stringify(bucket))
      const request = change(LIST_REQUEST, 'list-request', { bucket })
      assert.equal(roundTrip(request) !== undefined, allowed, JSON.stringify(bucket))
    }
  })
})

/** In the order of their numbers. */
const FAILURE_CODES: readonly FailureCode[] = [
  'DND_ERR_QUORUM_UNAVAILABLE',
  'DND_ERR_TIMEOUT',
  'DND_ERR_OVERLOADED',
  'DND_ERR_BAD_QUORUM',
  'DND_ERR_TOO_MANY_SIBLINGS',
  'DND_ERR_RECORD_TOO_LARGE',
  'DND_ERR_VALUE_TOO_LARGE',
  'DND_ERR_NOT_READY',
  'DND_ERR_STORE_FAILED',
  'DND_ERR_BAD_BUCKET',
  'DND_ERR_BUCKET_NOT_EMPTY',
  'DND_ERR_LAYOUT_CHANGING',
  'DND_ERR_CLONED_IDENTITY',
  'DND_ERR_LAST_NODE',
  'DND_ERR_BAD_CLUSTER_KEY',
  'DND_ERR_TOO_MANY_CLUSTER_KEYS',
  'DND_ERR_CLUSTER_KEY_UNKNOWN',
  'DND_ERR_CLUSTER_KEY_MISSING',
  'DND_ERR_CLUSTER_KEY_IN_USE',
  'DND_ERR_NOT_ENCRYPTED',
  'DND_ERR_BAD_LAYOUT',
  'DND_ERR_LAYOUT_MOVING',
  'DND_ERR_LAYOUT_CONFLICT',
  'DND_ERR_LAYOUT_UNAVAILABLE',
  'DND_ERR_NODE_UNKNOWN',
  'DND_ERR_NODE_UP',
  'DND_ERR_WOULD_LOSE_DATA',
  'DND_ERR_NODE_DOWN',
  'DND_ERR_BAD_TOKEN',
  'DND_ERR_WATCHER_GONE',
  'DND_ERR_BAD_PRINCIPAL',
  'DND_ERR_PRINCIPAL_EXISTS',
  'DND_ERR_PRINCIPAL_UNKNOWN',
  'DND_ERR_TOO_MANY_PRINCIPALS',
  'DND_ERR_LAST_ADMIN',
]

suite('failures', () => {
  const failureWith = (code: FailureCode, message: string): PeerMessage => ({
    type: 'forward-reply',
    request: 1,
    result: { ok: false, code, outcome: 'rejected', needed: 2, got: 0, message },
  })

  test('of every code come back', () => {
    for (const [i, code] of FAILURE_CODES.entries()) {
      const message = failureWith(code, 'why')
      assert.deepEqual(roundTrip(message), message)
      assert.equal(encode(message)[3], i + 1, 'a code keeps its number for ever')
    }
  })

  test('with a code, outcome or flag that does not exist are malformed', () => {
    for (const at of [2, 3, 4]) {
      for (const value of [at === 2 ? 2 : 0, FAILURE_CODES.length + 1, 255]) {
        const bytes = encode(failureWith('DND_ERR_TIMEOUT', ''))
        bytes[at] = value
        assert.equal(decodeMessage(bytes), undefined, `byte ${at} is ${value}`)
      }
    }
  })

  test('with a long sentence are cut between two characters', () => {
    for (const letter of ['x', 'ä', '€', '😀']) {
      const told = letter.repeat(2000)
      const heard = roundTrip(failureWith('DND_ERR_TIMEOUT', told))
      assert.ok(heard?.type === 'forward-reply' && !heard.result.ok)
      const { length } = utf8Encode(heard.result.message)
      assert.ok(told.startsWith(heard.result.message))
      assert.ok(length <= FAILURE_MESSAGE_BYTES_MAX && length > FAILURE_MESSAGE_BYTES_MAX - 4)
    }
  })
})

suite('listings', () => {
  test('name each partition once and in order', () => {
    const backwards = [3, 1] as PartitionId[]
    const twice = [3, 3] as PartitionId[]
    for (const partitions of [backwards, twice]) {
      const request = change(LIST_REQUEST, 'list-request', { partitions })
      assert.throws(() => encode(request), AssertionError)
    }
    const all = Array.from({ length: 4096 }, (_, i) => i as PartitionId)
    const request = change(LIST_REQUEST, 'list-request', { partitions: all })
    assert.deepEqual(roundTrip(request), request)
  })

  test('of a partition that no ring has are malformed', () => {
    const partitions = [4096] as PartitionId[]
    assert.equal(roundTrip(change(LIST_REQUEST, 'list-request', { partitions })), undefined)
  })
})

suite('join requests', () => {
  test('with a weight or zone that no role has are malformed', () => {
    const join = (zone: string, weight: number): PeerMessage => ({
      type: 'join-request',
      role: { node: NODE_A, zone, weight },
    })
    assert.deepEqual(roundTrip(join('z'.repeat(64), 1000)), join('z'.repeat(64), 1000))
    assert.equal(roundTrip(join('z', 1001)), undefined)
    assert.equal(roundTrip(join('z'.repeat(65), 1)), undefined)
  })

  test('of an id that is none are our own bug', () => {
    for (const node of ['a0', 'g'.repeat(16), 'A'.repeat(16), ' '.repeat(16)]) {
      const role = { node: node as NodeId, zone: '', weight: 1 }
      assert.throws(() => encode({ type: 'join-request', role }), AssertionError, node)
    }
  })
})
