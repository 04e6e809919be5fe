import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { KeyEntry, KeyId, KeyringState } from '../node/cluster-key.ts'
import { KEYS_MAX, REMOVALS_MAX } from '../node/cluster-key.ts'
import { AssertionError } from '../std/assert.ts'
import { ByteReader, ByteWriter, fromHex } from '../std/bytes.ts'
import { keyrings, plain, SEED } from './arbitraries.test.ts'
import { decodeMessage, encodeMessage } from './codec.ts'
import { decodeKeyring, encodeKeyring } from './keys-codec.ts'
import type { PeerMessage } from './messages.ts'
import { KEYRING } from './samples.test.ts'

const id = (number: number): KeyId => number.toString(16).padStart(8, '0') as KeyId
const word = (number: number, isInstalled: boolean): KeyEntry => ({
  id: id(number),
  stamp: { ms: number, counter: 0 },
  secret: isInstalled ? new Uint8Array(32).fill(number) : undefined,
})

function encode(state: KeyringState): Uint8Array {
  const writer = new ByteWriter()
  encodeKeyring(writer, state)
  return writer.take()
}

/** undefined: malformed. */
function decode(bytes: Uint8Array): KeyringState | undefined {
  const reader = new ByteReader(bytes)
  const state = decodeKeyring(reader)
  return reader.finished ? state : undefined
}

/** As `encodeKeyring` writes it, whatever the entries. */
function raw(entries: readonly KeyEntry[]): Uint8Array {
  const bytes = entries.map((entry) =>
    Buffer.from(encode({ entries: [entry], primary: undefined })).subarray(2),
  )
  return new Uint8Array(Buffer.concat([Buffer.of(0, entries.length), ...bytes]))
}

suite('a keyring', () => {
  test('comes back as it was sent', () => {
    fc.assert(
      fc.property(keyrings, (state) => assert.deepEqual(decode(encode(state)), plain(state))),
      { seed: SEED },
    )
  })

  test('has secrets of its own, that do not keep the frame alive', () => {
    const bytes = encode(KEYRING)
    const secret = decode(bytes)?.entries[1]?.secret
    assert.ok(secret !== undefined)
    assert.notEqual(secret.buffer, bytes.buffer)
    bytes.fill(0)
    assert.equal(secret[0], 0x5e)
  })

  test('out of order, or with a key twice, is malformed', () => {
    assert.ok(decode(raw([word(1, true), word(2, false)])))
    assert.equal(decode(raw([word(2, false), word(1, true)])), undefined)
    assert.equal(decode(raw([word(1, true), word(1, false)])), undefined)
  })

  test('with more keys or more removals than a ring has is malformed', () => {
    const many = (count: number, isInstalled: boolean) =>
      Array.from({ length: count }, (_, i) => word(i + 1, isInstalled))
    assert.ok(decode(raw(many(KEYS_MAX, true))))
    assert.ok(decode(raw(many(REMOVALS_MAX, false))))
    assert.equal(decode(raw(many(KEYS_MAX + 1, true))), undefined)
    assert.equal(decode(raw(many(REMOVALS_MAX + 1, false))), undefined)
  })

  test('with an unknown flag is malformed', () => {
    const bytes = encode(KEYRING)
    for (const at of [0, 26]) {
      const wrong = Uint8Array.from(bytes)
      wrong[at] = 2
      assert.equal(decode(wrong), undefined, `byte ${at}`)
    }
  })

  test('that no ring can be is our own bug when sent', () => {
    const wrong: readonly KeyEntry[][] = [
      [word(2, true), word(1, true)],
      [word(1, true), word(1, true)],
      [{ ...word(1, true), secret: new Uint8Array(31) }],
      Array.from({ length: KEYS_MAX + 1 }, (_, i) => word(i, true)),
      Array.from({ length: REMOVALS_MAX + 1 }, (_, i) => word(i, false)),
    ]
    for (const entries of wrong)
      assert.throws(() => encode({ entries, primary: undefined }), AssertionError)
  })
})

suite('a report of keys', () => {
  const decoded = (hex: string): PeerMessage | undefined =>
    decodeMessage(fromHex(hex.replaceAll(' ', ''))!)

  test('names a primary that is among the keys', () => {
    assert.ok(decoded('28 01 02 00000001 00000002 01'))
    assert.equal(decoded('28 01 02 00000001 00000002 02'), undefined)
    assert.equal(decoded('28 01 01 00000001'), undefined)
    assert.equal(decoded('28 01 00 00'), undefined)
  })

  test('out of order or too long is malformed', () => {
    assert.equal(decoded('28 01 02 00000002 00000001 00'), undefined)
    assert.equal(decoded('28 01 02 00000001 00000001 00'), undefined)
    const ids = Array.from({ length: KEYS_MAX + 1 }, (_, i) => id(i)).join('')
    assert.equal(decoded(`28 01 0${KEYS_MAX + 1} ${ids} 00`), undefined)
  })

  test('that cannot be is our own bug when sent', () => {
    const encoded = (keys: readonly KeyId[], primary: KeyId | undefined) => () =>
      encodeMessage(new ByteWriter(), { type: 'keys-reply', request: 1, keys, primary })
    assert.throws(encoded([id(1)], undefined), AssertionError)
    assert.throws(encoded([id(1)], id(2)), AssertionError)
    assert.throws(encoded([], id(1)), AssertionError)
    assert.throws(encoded([id(2), id(1)], id(1)), AssertionError)
  })
})
