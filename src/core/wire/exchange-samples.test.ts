/** Messages of exchanges: one of each kind with its golden bytes, and arbitrary ones. */
import fc from 'fast-check'
import type { ExchangeFacts, ExchangeMessage } from '../repair/exchange-messages.ts'
import type { PartitionId } from '../std/ids.ts'

const EMPTY = new Uint8Array(0)
const KEY = Uint8Array.of(0x4b, 0x31)
const HASH = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const FACTS: ExchangeFacts = {
  clock: Uint8Array.of(0x43),
  floor: Uint8Array.of(0x46, 0x46),
  horizonMs: 300,
  wallMs: 1,
}
const NO_FACTS: ExchangeFacts = { clock: EMPTY, floor: EMPTY, horizonMs: 0, wallMs: 0 }
const exchange = 300

export const EXCHANGE_SAMPLES: Readonly<Record<string, ExchangeMessage>> = {
  'exchange-open': {
    ...{ type: 'exchange-open', exchange, layoutVersion: 2, partition: 0x0102 as PartitionId },
    ...{ root: HASH, leaves: 4096, from: EMPTY, to: KEY, facts: FACTS },
  },
  'exchange-reply': { type: 'exchange-reply', exchange, outcome: 'differs', facts: FACTS },
  'exchange-reply, busy': { type: 'exchange-reply', exchange, outcome: 'busy', facts: NO_FACTS },
  'exchange-hashes': { type: 'exchange-hashes', exchange, level: 1, nodes: [2, 3], hashes: HASH },
  'exchange-differ': { type: 'exchange-differ', exchange, level: 2, nodes: [0, 300] },
  'exchange-list': { type: 'exchange-list', exchange, from: KEY, to: EMPTY, entries: HASH },
  'exchange-records': {
    ...{ type: 'exchange-records', exchange, side: 'responder', more: false, base: HASH },
    ...{ records: [{ key: KEY, record: Uint8Array.of(0x52) }], missing: HASH, upTo: KEY },
  },
  'exchange-records, more': {
    ...{ type: 'exchange-records', exchange, side: 'initiator', more: true, base: EMPTY },
    ...{ records: [{ key: KEY, record: EMPTY }], missing: EMPTY, upTo: EMPTY },
  },
  'exchange-next': { type: 'exchange-next', exchange, side: 'initiator' },
  'exchange-finish': {
    type: 'exchange-finish',
    exchange,
    side: 'initiator',
    outcome: 'flawed',
    found: 300,
  },
}

const GOLDEN_FACTS = '0143 024646 ac02 01'
const GOLDEN_HASH = '0102030405060708'

export const EXCHANGE_GOLDEN: Readonly<Record<string, string>> = {
  'exchange-open': `48 ac02 02 0102 ${GOLDEN_HASH} 8020 00 024b31 ${GOLDEN_FACTS}`,
  'exchange-reply': `49 ac02 02 ${GOLDEN_FACTS}`,
  'exchange-reply, busy': '49 ac02 03',
  'exchange-hashes': `4a ac02 01 02 02 00 08${GOLDEN_HASH}`,
  'exchange-differ': '4b ac02 02 02 00 ab02',
  'exchange-list': `4c ac02 024b31 00 08${GOLDEN_HASH}`,
  'exchange-records': `4d ac02 02 00 01 024b31 0152 08${GOLDEN_HASH} 08${GOLDEN_HASH} 024b31`,
  'exchange-records, more': '4d ac02 01 01 01 024b31 00 00',
  'exchange-next': '4e ac02 01',
  'exchange-finish': '4f ac02 01 02 ac02',
}

const numbers = fc.maxSafeNat()
const bytes = fc.uint8Array({ maxLength: 40 })
const sides = fc.constantFrom('initiator' as const, 'responder' as const)
const facts: fc.Arbitrary<ExchangeFacts> = fc.record({
  clock: bytes,
  floor: bytes,
  horizonMs: numbers,
  wallMs: numbers,
})
const nodes = fc
  .uniqueArray(fc.nat(2 ** 20 - 1), { maxLength: 20 })
  .map((list) => list.toSorted((a, b) => a - b))

/** A constant of its own type. */
function is<const T extends string>(text: T): fc.Arbitrary<T> {
  return fc.constant(text)
}

export const exchangeMessages: fc.Arbitrary<ExchangeMessage> = fc.oneof(
  fc.record({
    type: is('exchange-open'),
    exchange: numbers,
    layoutVersion: numbers,
    partition: fc.nat(4095).map((partition) => partition as PartitionId),
    root: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    leaves: numbers,
    from: bytes,
    to: bytes,
    facts,
  }),
  fc.record({
    type: is('exchange-reply'),
    exchange: numbers,
    outcome: fc.constantFrom('equal' as const, 'differs' as const),
    facts,
  }),
  fc.record({
    type: is('exchange-reply'),
    exchange: numbers,
    outcome: fc.constantFrom('busy' as const, 'not-replica' as const, 'stale-layout' as const),
    facts: fc.constant(NO_FACTS),
  }),
  fc.record({
    type: is('exchange-hashes'),
    exchange: numbers,
    level: fc.nat(255),
    nodes,
    hashes: bytes,
  }),
  fc.record({ type: is('exchange-differ'), exchange: numbers, level: fc.nat(255), nodes }),
  fc.record({
    type: is('exchange-list'),
    exchange: numbers,
    from: bytes,
    to: bytes,
    entries: bytes,
  }),
  fc
    .record({
      type: is('exchange-records'),
      exchange: numbers,
      side: sides,
      more: fc.boolean(),
      records: fc.array(fc.record({ key: bytes, record: bytes }), { maxLength: 5 }),
      base: bytes,
      missing: bytes,
      upTo: bytes,
    })
    .map((message) => (message.more ? { ...message, missing: EMPTY, upTo: EMPTY } : message)),
  fc.record({ type: is('exchange-next'), exchange: numbers, side: sides }),
  fc.record({
    type: is('exchange-finish'),
    exchange: numbers,
    side: sides,
    outcome: fc.constantFrom('whole' as const, 'flawed' as const, 'failed' as const),
    found: numbers,
  }),
)
