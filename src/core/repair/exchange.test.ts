import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { partitionRange } from '../node/storage-keys.ts'
import { ByteWriter } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import { PartitionClock } from '../versions/partition-clock.ts'
import { encodeMessage } from '../wire/codec.ts'
import { ANSWERED_MAX, EXCHANGE_SILENCE, INITIATED_MAX } from './exchanges.ts'
import type { ExchangeMessage } from './exchange-messages.ts'
import type { Sent } from './exchange-replica.test.ts'
import { PAGE_SCANS_MAX, WALK_RECORDS_MAX } from './exchange-walk.ts'
import { keyOf, P, Replica, textsOf } from './exchange-replica.test.ts'

/** Two replicas and what they say to each other. */
class Pair {
  readonly wire: Sent[] = []
  readonly said: string[] = []
  bytes = 0
  readonly a: Replica
  readonly b: Replica

  constructor(leaves = 256) {
    const send = (sent: Sent): void => void this.wire.push(sent)
    this.a = new Replica(1, leaves, send)
    this.b = new Replica(2, leaves, send)
  }

  /** Writes on one, and on the other too unless it is away. */
  write(on: Replica, n: number, text: string | undefined, isAway = false): void {
    on.write(keyOf(n), text)
    on.store.commit()
    if (!isAway) this.copy(on, n)
  }

  copy(from: Replica, n: number): void {
    const { record, base } = from.holdings.shown(P, keyOf(n))
    assert.ok(record instanceof Uint8Array)
    const to = from === this.a ? this.b : this.a
    to.replicate(keyOf(n), record, base)
    to.store.commit()
  }

  /** Delivers one message; whether there was one. */
  deliver(): boolean {
    for (const { store } of [this.a, this.b]) store.commit()
    const sent = this.wire.shift()
    if (sent === undefined) return false
    const writer = new ByteWriter()
    encodeMessage(writer, sent.message)
    this.bytes += writer.length
    this.said.push(sent.message.type)
    const to = sent.to === this.a.node ? this.a : this.b
    to.hear(sent.from.node, sent.message)
    for (const each of [this.a, this.b]) each.check()
    return true
  }

  run(): void {
    while (this.deliver()) assert.ok(this.said.length < 10_000)
  }

  exchange(): void {
    this.a.begin(this.b)
    this.run()
  }

  texts(n: number): string[][] {
    return [this.a, this.b].map((replica) => textsOf(replica.held(keyOf(n)).versions))
  }

  outcomes(): (string | undefined)[] {
    return [this.a, this.b].map(({ done }) => done.at(-1)?.outcome)
  }

  /** What `replica` says of itself at the beginning. */
  baseOf(replica: Replica): number {
    return replica.holdings.clockOf(P).base.reduce((sum, { counter }) => sum + counter, 0)
  }
}

suite('an exchange', () => {
  test('of equal replicas is two messages, and both take over the clock of the other', () => {
    const pair = new Pair()
    pair.write(pair.a, 1, 'old')
    pair.write(pair.a, 1, 'new', true)
    pair.write(pair.a, 1, 'newest')
    assert.equal(pair.baseOf(pair.b), 1)
    pair.exchange()
    assert.deepEqual(pair.said, ['exchange-open', 'exchange-reply'])
    assert.deepEqual(pair.outcomes(), ['complete', 'complete'])
    assert.equal(pair.baseOf(pair.b), 3)
    assert.equal(pair.b.done[0]!.isInitiator, false)
  })

  test('brings what either side lacks to the other', () => {
    const pair = new Pair()
    for (let n = 0; n < 50; n++) pair.write(pair.a, n, `old ${n}`)
    pair.write(pair.a, 1, 'only a', true)
    pair.write(pair.b, 2, 'only b', true)
    pair.write(pair.a, 3, 'both: a', true)
    pair.write(pair.b, 3, 'both: b', true)
    pair.write(pair.a, 100, 'new on a', true)
    pair.write(pair.b, 200, 'new on b', true)
    pair.exchange()
    assert.deepEqual(pair.outcomes(), ['complete', 'complete'])
    assert.deepEqual(pair.texts(1), [['only a'], ['only a']])
    assert.deepEqual(pair.texts(2), [['only b'], ['only b']])
    assert.deepEqual(pair.texts(3), [
      ['both: a', 'both: b'],
      ['both: a', 'both: b'],
    ])
    assert.deepEqual(pair.texts(100), [['new on a'], ['new on a']])
    assert.deepEqual(pair.texts(200), [['new on b'], ['new on b']])
    assert.equal(pair.a.done[0]!.found, 5)
    assert.equal(pair.b.done[0]!.found, 5)
    assert.ok(pair.a.tree.equals(pair.b.tree))
  })

  for (const isAsking of [true, false])
    test(`takes a deleted and reaped key from the side that ${isAsking ? 'asks' : 'is asked'}`, () => {
      const pair = new Pair()
      const [stale, fresh] = isAsking ? [pair.a, pair.b] : [pair.b, pair.a]
      pair.write(fresh, 1, 'value')
      pair.write(fresh, 1, undefined, true)
      fresh.reap(keyOf(1))
      fresh.store.commit()
      assert.equal(fresh.store.get(keyOf(1)), undefined)
      assert.deepEqual(textsOf(stale.held(keyOf(1)).versions), ['value'])
      pair.exchange()
      assert.deepEqual(pair.outcomes(), ['complete', 'complete'])
      assert.deepEqual(pair.texts(1), [[], []])
    })

  for (const isAsking of [true, false])
    test(`does not count what ${isAsking ? 'the other' : 'this'} side has reaped already`, () => {
      const pair = new Pair()
      const [slow, quick] = isAsking ? [pair.a, pair.b] : [pair.b, pair.a]
      for (const n of [1, 2]) pair.write(pair.a, n, 'value')
      pair.write(pair.a, 1, undefined)
      pair.write(pair.a, 2, 'only here', true)
      quick.reap(keyOf(1))
      quick.store.commit()
      pair.exchange()
      assert.equal(slow.held(keyOf(1)).versions.length, 0)
      assert.deepEqual([pair.a.done[0]!.found, pair.b.done[0]!.found], [1, 1])
    })

  test('shows what is gone with the base of that moment, not of the scan', () => {
    const pair = new Pair()
    pair.write(pair.a, 1, 'value')
    const { record, base } = pair.a.holdings.shown(P, keyOf(1))
    // A third replica's write that fills no hole: the clock of b has a run, not a base.
    const c = new Replica(3, 256, () => {})
    c.replicate(keyOf(1), record as Uint8Array, base)
    c.write(keyOf(9), 'not seen by b')
    c.write(keyOf(1), undefined)
    c.store.commit()
    const shown = c.holdings.shown(P, keyOf(1))
    pair.b.replicate(keyOf(1), shown.record as Uint8Array, shown.base)
    pair.b.store.commit()
    pair.b.scans = []
    pair.a.begin(pair.b)
    pair.run()
    assert.equal(pair.b.scans.length, 1)
    // The hole is filled and the tombstone reaped, between the opening and what the scan gives.
    const other = c.holdings.shown(P, keyOf(9))
    pair.b.replicate(keyOf(9), other.record as Uint8Array, other.base)
    pair.b.reap(keyOf(1))
    pair.b.store.commit()
    assert.equal(pair.b.store.get(keyOf(1)), undefined)
    const [{ token, range }] = pair.b.scans as [{ token: number; range: never }]
    pair.b.scans = undefined
    pair.b.step({ type: 'scanned', token, entries: pair.b.store.scan(range) })
    pair.run()
    assert.deepEqual(pair.outcomes(), ['complete', 'complete'])
    assert.deepEqual(pair.texts(1), [[], []])
  })

  test('fills an empty replica with thousands of records in chunks below 64 KiB', () => {
    const pair = new Pair(16)
    for (let n = 0; n < 5000; n++) pair.a.write(keyOf(n), `value ${n}`)
    pair.a.store.commit()
    pair.b.write(keyOf(5001), 'x'.repeat(100_000))
    pair.b.store.commit()
    pair.b.begin(pair.a)
    for (;;) {
      const [first] = pair.wire
      const writer = new ByteWriter()
      if (first !== undefined) encodeMessage(writer, first.message)
      const isLarge = first?.message.type === 'exchange-records' && first.from === pair.b
      assert.ok(isLarge || writer.length < 64 * 1024, `${writer.length} bytes`)
      if (!pair.deliver()) break
    }
    assert.deepEqual(pair.outcomes(), ['complete', 'complete'])
    assert.equal(pair.b.done[0]!.received, 5000)
    assert.equal(pair.b.done[0]!.sent, 1)
    assert.ok(pair.a.tree.equals(pair.b.tree))
  })

  test('of a large partition goes page by page, so that neither side waits long', () => {
    const pair = new Pair(16)
    const keys = PAGE_SCANS_MAX * WALK_RECORDS_MAX + 1000
    for (let n = 0; n < keys; n++) pair.a.write(keyOf(n), 'value')
    pair.a.store.commit()
    pair.b.begin(pair.a)
    pair.run()
    for (const n of [0, keys - 1]) pair.write(pair.a, n, 'newer', true)
    pair.write(pair.b, keys - 2, 'newer', true)
    pair.said.length = 0
    pair.exchange()
    assert.equal(pair.said.filter((type) => type === 'exchange-list').length, 2)
    assert.deepEqual(pair.outcomes(), ['complete', 'complete'])
    assert.equal(pair.a.done.at(-1)!.found, 3)
    assert.ok(pair.a.tree.equals(pair.b.tree))
  })

  test('of a range mends that range and concludes nothing', () => {
    const pair = new Pair()
    for (let n = 0; n < 10; n++) pair.write(pair.a, n, `value ${n}`, true)
    pair.b.begin(pair.a, keyOf(3), keyOf(5))
    pair.run()
    assert.deepEqual(pair.outcomes(), ['partial', 'partial'])
    assert.deepEqual(
      Array.from({ length: 10 }, (_, n) => pair.texts(n)[1]!.length),
      [0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
    )
  })

  test('beyond the partition is refused', () => {
    const pair = new Pair()
    pair.a.begin(pair.b, keyOf(0), Uint8Array.of(1, 0, 9))
    pair.run()
    assert.equal(pair.outcomes()[0], 'refused')
    assert.equal(pair.b.done.length, 0)
  })
})

suite('a hint that comes late', () => {
  /** `late` brings a value to one side whose delete only the other has seen, and reaped. */
  function overtaken(isAsking: boolean, differs: boolean): { pair: Pair; late: () => void } {
    const pair = new Pair()
    const [stale, fresh] = isAsking ? [pair.a, pair.b] : [pair.b, pair.a]
    fresh.write(keyOf(1), 'value')
    fresh.store.commit()
    const { record, base } = fresh.holdings.shown(P, keyOf(1))
    fresh.write(keyOf(1), undefined)
    fresh.reap(keyOf(1))
    fresh.store.commit()
    if (differs) pair.write(pair.a, 2, 'other', true)
    const late = (): void => {
      stale.replicate(keyOf(1), record as Uint8Array, base)
      stale.store.commit()
    }
    return { pair, late }
  }

  for (const isAsking of [true, false])
    for (const differs of [true, false]) {
      const who = isAsking ? 'asks' : 'is asked'
      const roots = differs ? 'roots that differ' : 'equal roots'
      test(`to the side that ${who}, at any moment of an exchange with ${roots}`, () => {
        for (let at = 0; ; at++) {
          const { pair, late } = overtaken(isAsking, differs)
          const stale = isAsking ? pair.a : pair.b
          pair.a.begin(pair.b)
          let isOver = false
          for (let i = 0; i < at; i++) isOver = !pair.deliver()
          late()
          pair.run()
          const [outcome] = pair.outcomes()
          assert.ok(outcome === 'complete' || outcome === 'partial', `${outcome} after ${at}`)
          // Whoever claims to have seen the delete does not hold what it deleted.
          const held = textsOf(stale.held(keyOf(1)).versions)
          const claims = stale.holdings.clockOf(P).base.some(({ counter }) => counter > 1)
          assert.ok(!claims || held.length === 0, `${held.join()} after ${at} messages`)
          pair.exchange()
          assert.deepEqual(pair.outcomes(), ['complete', 'complete'])
          assert.deepEqual(pair.texts(1), [[], []])
          if (isOver) break
        }
      })
    }
})

suite('a record that broke', () => {
  test('is mended, and its holder’s clock is not taken over', () => {
    for (const isAsking of [true, false]) {
      const pair = new Pair()
      const [broken, sound] = isAsking ? [pair.a, pair.b] : [pair.b, pair.a]
      pair.write(broken, 1, 'value')
      pair.write(sound, 1, 'newer', true)
      broken.store.rot(keyOf(1))
      pair.exchange()
      assert.deepEqual(pair.texts(1), [['newer'], ['newer']])
      assert.ok(broken.unreadable.length > 0)
      assert.equal(broken.done[0]!.outcome, 'complete')
      assert.equal(broken.done[0]!.shown, false)
      assert.equal(broken.done[0]!.received, 1)
      assert.equal(sound.done[0]!.outcome, 'partial')
    }
  })

  test('on its way is refused, and nothing is concluded by the side that did', () => {
    const pair = new Pair()
    pair.write(pair.a, 1, 'value', true)
    const { record, base } = pair.a.holdings.shown(P, keyOf(1))
    const broken = (record as Uint8Array).map((byte, i) => (i === 9 ? byte ^ 1 : byte))
    Object.assign(pair.a.holdings, { shown: () => ({ record: broken, base }) })
    pair.b.begin(pair.a)
    pair.run()
    assert.deepEqual(pair.outcomes(), ['complete', 'partial'])
    assert.deepEqual(pair.texts(1)[1], [])
  })
})

suite('a replica whose clock was lost', () => {
  test('takes everything and shows nothing', () => {
    const pair = new Pair()
    pair.write(pair.a, 1, 'on a', true)
    pair.write(pair.b, 2, 'on b', true)
    const lost = new PartitionClock()
    lost.incomplete = true
    const facts = { ...pair.a.facts, clock: lost.encode(crc32).clock }
    pair.a.step({
      ...{ type: 'start', exchange: 9, peer: pair.b.node, partition: P, layoutVersion: 1 },
      ...{ from: new Uint8Array(0), to: new Uint8Array(0), facts },
    })
    pair.run()
    assert.deepEqual(pair.outcomes(), ['complete', 'partial'])
    assert.deepEqual(pair.texts(2), [['on b'], ['on b']])
    assert.deepEqual(pair.texts(1), [['on a'], []])
    assert.deepEqual(pair.a.unreadable, [])
  })
})

suite('an exchange that cannot go on', () => {
  function differing(): Pair {
    const pair = new Pair()
    for (let n = 0; n < 5; n++) pair.write(pair.a, n, 'value', true)
    pair.write(pair.b, 7, 'value', true)
    return pair
  }

  /** As many messages as a whole exchange of these takes. */
  const messages = ((): number => {
    const pair = differing()
    pair.exchange()
    assert.deepEqual(pair.outcomes(), ['complete', 'complete'])
    return pair.said.length
  })()

  test('ends as failed on the side that lost the other, whenever that was', () => {
    for (let at = 0; at < messages; at++) {
      const pair = differing()
      pair.a.begin(pair.b)
      for (let i = 0; i < at; i++) assert.ok(pair.deliver())
      pair.wire.length = 0
      pair.a.step({ type: 'peer-lost', peer: pair.b.node })
      pair.b.step({ type: 'peer-lost', peer: pair.a.node })
      pair.run()
      assert.equal(pair.outcomes()[0], 'failed')
      assert.ok([undefined, 'failed', 'complete'].includes(pair.outcomes()[1]))
      pair.exchange()
      assert.deepEqual(pair.outcomes(), ['complete', 'complete'])
      assert.ok(pair.a.tree.equals(pair.b.tree))
    }
  })

  test('ends as failed on both sides when either loses batches', () => {
    for (let at = 1; at < messages - 1; at++)
      for (const which of ['a', 'b'] as const) {
        const pair = differing()
        pair.a.begin(pair.b)
        for (let i = 0; i < at; i++) pair.deliver()
        pair[which].lose()
        pair.run()
        assert.notEqual(pair.outcomes()[0], 'complete')
        assert.equal(pair.a.exchanges.initiated + pair.b.exchanges.answered, 0)
        pair.exchange()
        assert.deepEqual(pair.outcomes(), ['complete', 'complete'])
      }
  })

  test('is given up after a silence, and not while the own disk is slow', () => {
    const pair = differing()
    pair.a.begin(pair.b)
    pair.wire.length = 0
    pair.a.wait(EXCHANGE_SILENCE - 1)
    assert.equal(pair.a.exchanges.initiated, 1)
    pair.a.wait(1)
    assert.equal(pair.a.exchanges.initiated, 0)
    assert.equal(pair.outcomes()[0], 'failed')
    pair.run()
    pair.a.scans = []
    pair.a.begin(pair.b)
    pair.run()
    assert.equal(pair.a.scans.length, 1)
    pair.a.wait(EXCHANGE_SILENCE * 3)
    assert.equal(pair.a.exchanges.initiated, 1)
    pair.b.wait(EXCHANGE_SILENCE)
    pair.run()
    assert.equal(pair.a.exchanges.initiated, 0)
  })

  test('says so when the disk fails or the partition is dropped', () => {
    const pair = differing()
    pair.a.scans = []
    pair.a.begin(pair.b)
    pair.run()
    pair.a.step({ type: 'scan-failed', token: pair.a.scans[0]!.token })
    pair.run()
    assert.deepEqual(pair.outcomes(), ['failed', 'failed'])
    pair.a.begin(pair.b)
    pair.run()
    pair.a.step({ type: 'dropped', partition: P })
    pair.run()
    assert.equal(pair.b.done.length, 2)
    assert.deepEqual(pair.outcomes(), ['failed', 'failed'])
  })

  test('does not even begin when there are too many', () => {
    const pair = differing()
    for (let i = 0; i <= INITIATED_MAX; i++) pair.a.begin(pair.b)
    assert.equal(pair.outcomes()[0], 'busy')
    const other = new Replica(3, 256, (sent) => void pair.wire.push(sent))
    for (let i = 0; i < INITIATED_MAX; i++) other.begin(pair.b)
    const opens = pair.wire.splice(0)
    for (const { from, message } of opens) pair.b.hear(from.node, message)
    assert.equal(pair.b.exchanges.answered, ANSWERED_MAX)
    pair.b.hear(pair.a.node, { ...opens[0]!.message, exchange: 999 } as ExchangeMessage)
    const { message } = pair.wire.at(-1)!
    assert.ok(message.type === 'exchange-reply' && message.outcome === 'busy')
  })

  test('is refused by a replica that is none, and whoever asked is told', () => {
    const pair = differing()
    pair.a.begin(pair.b)
    const { message } = pair.wire.shift()!
    assert.ok(message.type === 'exchange-open')
    pair.b.step({ type: 'open', from: pair.a.node, message, facts: 'not-replica' })
    pair.run()
    assert.equal(pair.outcomes()[0], 'refused')
    assert.equal(pair.b.exchanges.answered, 0)
  })
})

suite('a peer that says what it must not', () => {
  const { from, to } = partitionRange(P)
  const bytes = new Uint8Array(0)
  const records = { type: 'exchange-records', exchange: 1, more: false, base: bytes } as const
  const ends = { missing: bytes, upTo: bytes } as const
  const outside = [{ key: to, record: bytes }]
  const toResponder: readonly ExchangeMessage[] = [
    { type: 'exchange-hashes', exchange: 1, level: 0, nodes: [1], hashes: bytes },
    { type: 'exchange-hashes', exchange: 1, level: 9, nodes: [0], hashes: bytes },
    { type: 'exchange-list', exchange: 1, from: to, to: bytes, entries: bytes },
    { type: 'exchange-list', exchange: 1, from, to: from, entries: bytes },
    { type: 'exchange-list', exchange: 1, from, to, entries: Uint8Array.of(1) },
    { ...records, side: 'initiator', records: outside, ...ends },
    { ...records, side: 'initiator', records: [], ...ends, more: true },
    { type: 'exchange-next', exchange: 1, side: 'initiator' },
  ]
  const toInitiator: readonly ExchangeMessage[] = [
    { type: 'exchange-differ', exchange: 1, level: 0, nodes: [0] },
    { type: 'exchange-differ', exchange: 1, level: 1, nodes: [16] },
    { type: 'exchange-differ', exchange: 1, level: 1, nodes: [0, 0] },
    { ...records, side: 'responder', records: [], ...ends },
    { type: 'exchange-next', exchange: 1, side: 'responder' },
    { type: 'exchange-finish', exchange: 1, side: 'responder', outcome: 'whole', found: 0 },
  ]

  test('ends the exchange, and nothing else', () => {
    for (const message of [...toResponder, ...toInitiator]) {
      const pair = new Pair()
      pair.write(pair.a, 1, 'value', true)
      pair.a.begin(pair.b)
      // The open, and its answer: both sides are under way.
      pair.deliver()
      pair.deliver()
      pair.wire.length = 0
      const [hearer, sayer] = toResponder.includes(message) ? [pair.b, pair.a] : [pair.a, pair.b]
      hearer.hear(sayer.node, message)
      assert.equal(hearer.done.at(-1)?.outcome, 'failed', JSON.stringify(message))
      pair.run()
      assert.deepEqual(pair.outcomes(), ['failed', 'failed'])
    }
  })

  test('about an exchange that is none is told so, once', () => {
    for (const message of [...toResponder, ...toInitiator]) {
      const pair = new Pair()
      pair.b.hear(pair.a.node, { ...message, exchange: 77 } as ExchangeMessage)
      const answers = pair.wire.length
      assert.equal(answers, message.type === 'exchange-finish' ? 0 : 1)
      pair.run()
      assert.equal(pair.said.length, answers)
    }
  })
})
