import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NO_CLUSTER } from '../../core/wire/codec.ts'
import type { Hello, LinkMessage } from '../../core/wire/messages.ts'
import type { ClusterId } from '../../core/std/ids.ts'
import { CLUSTER, NODE_A, NODE_B } from '../../core/wire/samples.test.ts'
import type { Call } from './handshake.ts'
import { badCertificate, encryptionRequired, judgeCaller } from './handshake.ts'

const SELF = { node: NODE_A, generation: 5, cluster: CLUSTER }
const HELLO: Hello = {
  type: 'hello',
  protocol: 6,
  protocolMin: 5,
  cluster: CLUSTER,
  node: NODE_B,
  generation: 3,
}
const OTHER = 'f'.repeat(32) as ClusterId

const CALL: Call = { caller: '10.0.0.2:40000', listener: '10.0.0.1:7700', refusal: undefined }

function refusalOf(first: LinkMessage | undefined, call = CALL): string {
  const verdict = judgeCaller(first, SELF, call)
  assert.ok(verdict.type === 'refuse')
  assert.ok(verdict.refusal.message.length <= 256)
  return `${verdict.refusal.reason}: ${verdict.refusal.message}`
}

suite('a caller', () => {
  test('of the same cluster and protocol is accepted', () => {
    assert.deepEqual(judgeCaller(HELLO, SELF, CALL), { type: 'accept', hello: HELLO })
  })

  test('of no cluster is told who is here', () => {
    const asking = { ...HELLO, cluster: NO_CLUSTER }
    assert.deepEqual(judgeCaller(asking, SELF, CALL), { type: 'introduce', hello: asking })
  })

  test('of another cluster is refused, and both are named', () => {
    const reason = refusalOf({ ...HELLO, cluster: OTHER })
    assert.match(reason, /^wrong-cluster: .*000102030405060708090a0b0c0d0e0f.*f{32}/)
  })

  test('of another protocol is refused whatever its cluster, and both are named', () => {
    const later = { ...HELLO, protocol: 77, protocolMin: 70, cluster: NO_CLUSTER }
    assert.match(refusalOf(later), /^unsupported-protocol: .*protocol 5 to 7, .* 70 to 77: /)
    const earlier = { ...HELLO, protocol: 4, protocolMin: 4 }
    assert.match(refusalOf(earlier), /^unsupported-protocol: .*protocol 5 to 7, the caller 4: /)
  })

  test('of a later or an earlier version is accepted while there is one that both speak', () => {
    for (const protocols of [
      { protocol: 77, protocolMin: 6 },
      { protocol: 5, protocolMin: 2 },
    ]) {
      const hello = { ...HELLO, ...protocols }
      assert.deepEqual(judgeCaller(hello, SELF, CALL), { type: 'accept', hello })
    }
    const held = { ...SELF, protocolMax: 5 }
    assert.equal(judgeCaller(HELLO, held, CALL).type, 'accept')
    const only = { ...HELLO, protocolMin: 6 }
    assert.equal(judgeCaller(only, held, CALL).type, 'refuse', 'this node holds back')
  })

  test('with our own id is refused, also when it only asks', () => {
    assert.match(refusalOf({ ...HELLO, node: NODE_A }), /^self: /)
    assert.match(refusalOf({ ...HELLO, node: NODE_A, cluster: NO_CLUSTER }), /^self: /)
  })

  test('with our own id hears both addresses and both causes, however long they are', () => {
    const reason = refusalOf({ ...HELLO, node: NODE_A, generation: 1 })
    assert.match(reason, /at 10\.0\.0\.1:7700 was called .* from 10\.0\.0\.2:40000/)
    assert.match(reason, /its own seed; or a copied data directory/)
    const address = '[fd00:1111:2222:3333:4444:5555:6666:7777]:65535'
    const far = { ...CALL, caller: address, listener: address }
    assert.match(refusalOf({ ...HELLO, node: NODE_A }, far), /empty its directory$/)
  })

  test('without the encryption demanded hears that alone, and nothing of this node', () => {
    for (const refusal of [encryptionRequired(true), badCertificate('CERT_HAS_EXPIRED')]) {
      for (const first of [HELLO, { ...HELLO, cluster: OTHER }, { ...HELLO, node: NODE_A }]) {
        const reason = refusalOf(first, { ...CALL, refusal })
        assert.equal(reason, `${refusal.reason}: ${refusal.message}`)
        assert.ok(!reason.includes(CLUSTER) && !reason.includes(NODE_A))
      }
    }
    const call = { ...CALL, refusal: encryptionRequired(false) }
    assert.match(refusalOf(undefined, call), /^malformed: /)
    const later = { ...HELLO, protocol: 77, protocolMin: 77 }
    assert.match(refusalOf(later, call), /^unsupported-protocol: /)
  })

  test('that does not trust our certificate is not answered', () => {
    const first = badCertificate('CERT_HAS_EXPIRED')
    assert.deepEqual(judgeCaller(first, SELF, CALL), { type: 'refused', refusal: first })
  })

  test('that does not begin with a hello is refused', () => {
    assert.match(refusalOf(undefined), /^malformed: /)
    assert.match(refusalOf({ type: 'refusal', reason: 'self', message: '' }), /^malformed: /)
  })
})
