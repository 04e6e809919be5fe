import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../std/assert.ts'
import { ByteWriter } from '../std/bytes.ts'
import type { ClusterId } from '../std/ids.ts'
import { linkMessages, plain, SEED } from './arbitraries.test.ts'
import {
  decodeLink,
  decodeMessage,
  encodeLink,
  encodeMessage,
  LINK_MESSAGE_BYTES_MAX,
} from './codec.ts'
import type { LinkMessage } from './messages.ts'
import { LINK_SAMPLES, SAMPLES } from './samples.test.ts'

function encodedLink(message: LinkMessage): Uint8Array {
  const writer = new ByteWriter()
  encodeLink(writer, message)
  return writer.take()
}

suite('hello and refusal', () => {
  const hello = encodedLink(LINK_SAMPLES['hello']!)

  test('come back as they were sent, and fit what a stranger may send', () => {
    fc.assert(
      fc.property(linkMessages, (message) => {
        const bytes = encodedLink(message)
        assert.deepEqual(decodeLink(bytes), plain(message))
        assert.ok(bytes.length <= LINK_MESSAGE_BYTES_MAX)
      }),
      { seed: SEED, numRuns: 1000 },
    )
  })

  test('cut short anywhere are malformed', () => {
    for (const message of Object.values(LINK_SAMPLES)) {
      const bytes = encodedLink(message)
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(decodeLink(bytes.subarray(0, length)), undefined)
      }
    }
  })

  test('a hello of this protocol has nothing behind it, one of another may', () => {
    const longer = Uint8Array.of(...hello, 1, 2, 3)
    assert.equal(decodeLink(longer), undefined)
    longer[2] = 9
    const other = decodeLink(longer)
    assert.ok(other?.type === 'hello')
    assert.equal(other.protocol, 9)
  })

  test('a refusal with an unknown reason or a byte too many is malformed', () => {
    const refusal = encodedLink(LINK_SAMPLES['refusal']!)
    assert.equal(decodeLink(Uint8Array.of(...refusal, 0)), undefined)
    for (const reason of [0, 7]) {
      const changed = refusal.slice()
      changed[1] = reason
      assert.equal(decodeLink(changed), undefined)
    }
  })

  test('a refusal says at most 256 bytes', () => {
    const long = { type: 'refusal', reason: 'self', message: '€'.repeat(300) } as const
    const heard = decodeLink(encodedLink(long))
    assert.ok(heard?.type === 'refusal')
    assert.equal(heard.message, '€'.repeat(85))
  })

  test('are no messages, and messages are neither', () => {
    assert.equal(decodeMessage(hello), undefined)
    for (const message of Object.values(SAMPLES)) {
      const writer = new ByteWriter()
      encodeMessage(writer, message)
      assert.equal(decodeLink(writer.view()), undefined)
    }
  })

  test('with a cluster id that is none are our own bug', () => {
    const message = { ...LINK_SAMPLES['hello'], cluster: 'x' as ClusterId } as LinkMessage
    assert.throws(() => encodedLink(message), AssertionError)
  })
})
