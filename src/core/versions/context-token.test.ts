import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../std/assert.ts'
import { fromHex, toHex, utf8Encode } from '../std/bytes.ts'
import type { ClusterId } from '../std/ids.ts'
import { CONTEXT_BYTES_MAX, VERSION_VECTOR_MAX } from '../std/limits.ts'
import { contexts, dot, SEED, stamp, vector } from './arbitraries.test.ts'
import type { ContextBinding, Mac } from './context-token.ts'
import { decodeContextToken, encodeContextToken } from './context-token.ts'
import type { Context } from './version.ts'

const HEAD_BYTES = 9
const MAC_BYTES = 8

const mac = keyed('a secret of the cluster')
const binding: ContextBinding = {
  cluster: '0123456789abcdef0123456789abcdef' as ClusterId,
  bucket: 'default',
  key: utf8Encode('cart'),
}
const EXAMPLE: Context = { vector: vector(7, 300), stamp: stamp(5, 6) }

function keyed(secret: string): Mac {
  return (bytes) => createHmac('sha256', secret).update(bytes).digest()
}

function problemOf(bytes: Uint8Array, at: ContextBinding = binding, by: Mac = mac): string {
  const decoded = decodeContextToken(bytes, at, by)
  return 'problem' in decoded ? decoded.problem : 'none'
}

test('golden bytes of version 1', () => {
  const plain: Mac = () => fromHex('a1a2a3a4a5a6a7a8ffff')!
  const token = encodeContextToken(EXAMPLE, binding, plain)
  assert.equal(
    toHex(token),
    '01' +
      '01234567' +
      'f411ebab' +
      '01' +
      '0000000000000007' +
      'ac02' +
      '000000000005' +
      '0006' +
      'a1a2a3a4a5a6a7a8',
  )
  assert.deepEqual(decodeContextToken(token, binding, plain), EXAMPLE)
})

test('every context comes back as it was', () => {
  const property = fc.property(contexts, (context) => {
    const token = encodeContextToken(context, binding, mac)
    assert.deepEqual(decodeContextToken(token, binding, mac), context)
  })
  fc.assert(property, { seed: SEED })
})

test('the code is over the token, the whole cluster id, the bucket and the key', () => {
  const asked: string[] = []
  const listening: Mac = (bytes) => {
    asked.push(toHex(bytes))
    return new Uint8Array(MAC_BYTES)
  }
  const token = encodeContextToken(EXAMPLE, binding, listening)
  decodeContextToken(token, binding, listening)
  const text = `20${toHex(utf8Encode(binding.cluster))}07${toHex(utf8Encode('default'))}04${toHex(binding.key)}`
  const expected = toHex(token.subarray(0, token.length - MAC_BYTES)) + text
  assert.deepEqual(asked, [expected, expected])
})

test('a token of another cluster says so', () => {
  const token = encodeContextToken(EXAMPLE, binding, mac)
  const other = { ...binding, cluster: 'ff23456789abcdef0123456789abcdef' as ClusterId }
  assert.equal(problemOf(token, other), 'wrong-cluster')
})

test('a token of a cluster whose id begins alike is a forgery', () => {
  const token = encodeContextToken(EXAMPLE, binding, mac)
  const other = { ...binding, cluster: '0123456789abcdef0123456789abcdee' as ClusterId }
  assert.equal(problemOf(token, other), 'forged')
})

test('a token of another key or bucket says so', () => {
  const token = encodeContextToken(EXAMPLE, binding, mac)
  assert.equal(problemOf(token, { ...binding, key: utf8Encode('cars') }), 'wrong-key')
  assert.equal(problemOf(token, { ...binding, bucket: 'defaults' }), 'wrong-key')
  assert.equal(
    problemOf(token, { ...binding, bucket: 'defaul', key: utf8Encode('tcart') }),
    'wrong-key',
  )
})

test('a token under another secret, or edited, is a forgery', () => {
  const token = encodeContextToken(EXAMPLE, binding, mac)
  assert.equal(problemOf(token, binding, keyed('another secret')), 'forged')
  const edited = token.slice()
  edited[HEAD_BYTES + 1 + 7] = 8
  assert.equal(problemOf(edited), 'forged')
})

test('each byte of the code counts', () => {
  const token = encodeContextToken(EXAMPLE, binding, mac)
  for (let at = token.length - MAC_BYTES; at < token.length; at++) {
    const changed = token.slice()
    changed[at]! ^= 0x80
    assert.equal(problemOf(changed), 'forged', `byte ${at}`)
  }
})

test('no changed bit is accepted', () => {
  const token = encodeContextToken(EXAMPLE, binding, mac)
  for (let bit = 0; bit < token.length * 8; bit++) {
    const changed = token.slice()
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.notEqual(problemOf(changed), 'none', `bit ${bit}`)
  }
})

test('a token cut short, too long, empty or of another version is malformed', () => {
  const token = encodeContextToken(EXAMPLE, binding, mac)
  for (let length = 0; length < token.length; length++)
    assert.equal(problemOf(token.subarray(0, length)), 'malformed', `${length} bytes`)
  assert.equal(problemOf(Uint8Array.of(...token, 0)), 'malformed')
  const other = token.slice()
  other[0] = 2
  assert.equal(problemOf(other), 'malformed')
})

test('a token around a vector that cannot be is malformed, whatever its code', () => {
  const always: Mac = () => new Uint8Array(MAC_BYTES)
  for (const bad of [vector(2, 1, 1, 1), vector(1, 1, 1, 2), [dot(0, 1)], [dot(1, 0)]]) {
    const token = encodeContextToken({ vector: bad, stamp: stamp(1) }, binding, always)
    assert.equal(problemOf(token, binding, always), 'malformed')
  }
})

function contextOf(length: number, counter: number): Context {
  const entries = Array.from({ length }, (_, i) => dot(i + 1, counter))
  return { vector: entries, stamp: stamp(1) }
}

test('a context of the longest vector and lifelike counters fits', () => {
  const context = contextOf(VERSION_VECTOR_MAX, 2 ** 42)
  const token = encodeContextToken(context, binding, mac)
  assert.ok(token.length <= CONTEXT_BYTES_MAX)
  assert.deepEqual(decodeContextToken(token, binding, mac), context)
})

test('over the bound a token is refused, not cut', () => {
  const context = contextOf(VERSION_VECTOR_MAX, Number.MAX_SAFE_INTEGER)
  const token = encodeContextToken(context, binding, mac)
  assert.ok(token.length > CONTEXT_BYTES_MAX)
  assert.equal(problemOf(token), 'too-large')
  assert.equal(problemOf(new Uint8Array(CONTEXT_BYTES_MAX)), 'malformed')
  assert.equal(problemOf(new Uint8Array(CONTEXT_BYTES_MAX + 1)), 'too-large')
})

test('a code that is too short is a bug of ours', () => {
  const short: Mac = () => new Uint8Array(MAC_BYTES - 1)
  assert.throws(() => encodeContextToken(EXAMPLE, binding, short), AssertionError)
})

test('a token keeps its bytes when the next one is made', () => {
  const first = encodeContextToken(EXAMPLE, binding, mac)
  const kept = first.slice()
  encodeContextToken(contextOf(9, 9), binding, mac)
  assert.deepEqual(first, kept)
})

test('no bytes make the decoder throw, and none that we did not make are accepted', () => {
  const head = encodeContextToken(EXAMPLE, binding, mac).subarray(0, HEAD_BYTES)
  const property = fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
    assert.notEqual(problemOf(bytes), 'none')
    assert.notEqual(problemOf(Uint8Array.of(...head, ...bytes)), 'none')
  })
  fc.assert(property, { seed: SEED, numRuns: 2000 })
})

test('changed tokens are refused', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  })
  const property = fc.property(contexts, changes, (context, flips) => {
    const token = encodeContextToken(context, binding, mac)
    const changed = token.slice()
    for (const [at, flip] of flips) changed[at % changed.length]! ^= flip
    if (toHex(changed) !== toHex(token)) assert.notEqual(problemOf(changed), 'none')
  })
  fc.assert(property, { seed: SEED, numRuns: 500 })
})
