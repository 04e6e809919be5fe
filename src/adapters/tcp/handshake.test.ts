import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NO_CLUSTER, PROTOCOL_VERSION } from '../../core/wire/codec.ts'
import type { Hello, LinkMessage } from '../../core/wire/messages.ts'
import type { ClusterId } from '../../core/std/ids.ts'
import { CLUSTER, NODE_A, NODE_B } from '../../core/wire/samples.test.ts'
import { judgeCaller } from './handshake.ts'

const SELF = { node: NODE_A, generation: 5, cluster: CLUSTER }
const HELLO: Hello = {
  type: 'hello',
  protocol: PROTOCOL_VERSION,
  cluster: CLUSTER,
  node: NODE_B,
  generation: 3,
}
const OTHER = 'f'.repeat(32) as ClusterId

function refusalOf(first: LinkMessage | undefined): string {
  const verdict = judgeCaller(first, SELF)
  assert.ok(verdict.type === 'refuse')
  assert.ok(verdict.refusal.message.length <= 256)
  return `${verdict.refusal.reason}: ${verdict.refusal.message}`
}

suite('a caller', () => {
  test('of the same cluster and protocol is accepted', () => {
    assert.deepEqual(judgeCaller(HELLO, SELF), { type: 'accept', hello: HELLO })
  })

  test('of no cluster is told who is here', () => {
    const asking = { ...HELLO, cluster: NO_CLUSTER }
    assert.deepEqual(judgeCaller(asking, SELF), { type: 'introduce', hello: asking })
  })

  test('of another cluster is refused, and both are named', () => {
    const reason = refusalOf({ ...HELLO, cluster: OTHER })
    assert.match(reason, /^wrong-cluster: .*000102030405060708090a0b0c0d0e0f.*f{32}/)
  })

  test('of another protocol is refused whatever its cluster, and both are named', () => {
    const reason = refusalOf({ ...HELLO, protocol: 77, cluster: NO_CLUSTER })
    assert.match(reason, /^unsupported-protocol: .*protocol 1.*77/)
  })

  test('with our own id is refused, also when it only asks', () => {
    assert.match(refusalOf({ ...HELLO, node: NODE_A }), /^self: /)
    assert.match(refusalOf({ ...HELLO, node: NODE_A, cluster: NO_CLUSTER }), /^self: /)
  })

  test('that does not begin with a hello is refused', () => {
    assert.match(refusalOf(undefined), /^malformed: /)
    assert.match(refusalOf({ type: 'refusal', reason: 'self', message: '' }), /^malformed: /)
  })
})
