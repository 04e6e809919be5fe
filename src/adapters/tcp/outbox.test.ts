import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FRAME_BYTES_MAX, RECORD_BYTES_MAX } from '../../core/std/limits.ts'
import { decodeMessage } from '../../core/wire/codec.ts'
import type { LayoutState } from '../../core/placement/layout.ts'
import type { PeerMessage } from '../../core/wire/messages.ts'
import { PROTOCOL_MAX, PROTOCOL_MIN } from '../../core/wire/protocol.ts'
import { REPLICATE, SAMPLES } from '../../core/wire/samples.test.ts'
import { FrameParser } from './frame-parser.ts'
import { Outbox } from './outbox.ts'

const MIB = 1024 * 1024

/**
 * Takes writes and completes them when told to, reading the bytes only then, as a busy socket does.
 */
class SlowSink {
  readonly sizes: number[] = []
  readonly received: (PeerMessage | undefined)[] = []
  readonly #parser = new FrameParser(FRAME_BYTES_MAX)
  readonly #pending: { bytes: Uint8Array; done: (error?: Error) => void }[] = []

  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    this.sizes.push(bytes.length)
    this.#pending.push({ bytes, done })
  }

  get isBusy(): boolean {
    return this.#pending.length > 0
  }

  complete(): void {
    const { bytes, done } = this.#pending.shift()!
    // A copy: what the parser would keep of a view would change with the outbox's buffer.
    this.#parser.push(bytes.slice(), (body) => this.received.push(decodeMessage(body)) > 0)
    done()
  }

  completeAll(): void {
    while (this.isBusy) this.complete()
  }

  fail(): void {
    this.#pending.shift()!.done(new Error('reset'))
  }
}

function read(request: number): PeerMessage {
  return { ...SAMPLES['read']!, request } as PeerMessage
}

function large(bytes: number): PeerMessage {
  return { ...REPLICATE, record: new Uint8Array(bytes).fill(7) } as PeerMessage
}

function attached(bytesMax = 64 * MIB): { outbox: Outbox; sink: SlowSink } {
  const outbox = new Outbox(bytesMax, PROTOCOL_MAX)
  const sink = new SlowSink()
  outbox.attach(sink, PROTOCOL_MAX)
  return { outbox, sink }
}

/** A layout of which a node is said to be lost, which the oldest protocol has no word for. */
function lost(): LayoutState {
  const sample = SAMPLES['state-sync']
  assert.ok(sample?.type === 'state-sync' && sample.layout !== undefined)
  return { ...sample.layout, lost: [sample.layout.current.roles[0]!.node] }
}

suite('an outbox', () => {
  test('writes what a tick has gathered at once and in order', () => {
    const { outbox, sink } = attached()
    const sent = Array.from({ length: 100 }, (_, i) => read(i))
    for (const message of sent) assert.equal(outbox.push(message), 'queued')
    assert.deepEqual(sink.sizes, [])
    outbox.flush()
    sink.completeAll()
    assert.equal(sink.sizes.length, 1)
    assert.deepEqual(sink.received, sent)
  })

  test('goes on gathering during a write, and then writes that in one piece', () => {
    const { outbox, sink } = attached()
    outbox.push(read(1))
    outbox.flush()
    for (const request of [2, 3, 4]) {
      outbox.push(read(request))
      outbox.flush()
    }
    assert.equal(sink.sizes.length, 1)
    sink.completeAll()
    assert.equal(sink.sizes.length, 2)
    assert.deepEqual(sink.received, [1, 2, 3, 4].map(read))
  })

  test('keeps its buffers apart over many turns', () => {
    const { outbox, sink } = attached()
    for (let request = 0; request < 500; request++) {
      outbox.push(read(request))
      outbox.flush()
      if (request % 3 === 0 && sink.isBusy) sink.complete()
    }
    sink.completeAll()
    assert.deepEqual(
      sink.received,
      Array.from({ length: 500 }, (_, i) => read(i)),
    )
  })

  test('keeps what is pushed before there is a socket', () => {
    const outbox = new Outbox(MIB, PROTOCOL_MAX)
    outbox.push(read(1))
    outbox.flush()
    const sink = new SlowSink()
    outbox.attach(sink, PROTOCOL_MAX)
    outbox.push(read(2))
    outbox.flush()
    sink.completeAll()
    assert.deepEqual(sink.received, [read(1), read(2)])
  })

  test('writes what is queued anew for a peer that speaks an older protocol, and leaves out what it does not know', () => {
    const outbox = new Outbox(MIB, PROTOCOL_MAX)
    const prepare = SAMPLES['register-prepare']!
    const sync = { ...SAMPLES['state-sync'], layout: lost() } as PeerMessage
    for (const message of [read(1), prepare, sync]) outbox.push(message)
    const sink = new SlowSink()
    outbox.attach(sink, PROTOCOL_MIN)
    for (const message of [prepare, read(2)]) assert.equal(outbox.push(message), 'queued')
    outbox.flush()
    sink.completeAll()
    const [first, second, third, ...rest] = sink.received
    assert.deepEqual([first, third, rest], [read(1), read(2), []])
    assert.ok(second?.type === 'state-sync')
    assert.deepEqual(second.layout, { ...lost(), lost: [] })
  })

  test('writes nothing when nothing is queued', () => {
    const { outbox, sink } = attached()
    outbox.flush()
    assert.equal(sink.isBusy, false)
  })

  test('counts what the system has not taken, and says when it is too much', () => {
    const { outbox, sink } = attached(MIB)
    assert.equal(outbox.push(large(MIB / 2)), 'queued')
    outbox.flush()
    assert.equal(outbox.push(large(MIB / 4)), 'queued')
    assert.ok(outbox.queuedBytes > (3 * MIB) / 4)
    assert.equal(outbox.push(large(MIB / 2)), 'full')
    sink.completeAll()
    assert.equal(outbox.queuedBytes, 0)
    assert.equal(outbox.push(large(MIB / 2)), 'queued')
  })

  test('writes much in slices, each of which shows that the link is alive', () => {
    const { outbox, sink } = attached()
    const messages = [large(3 * MIB), read(1)]
    for (const message of messages) outbox.push(message)
    outbox.flush()
    assert.deepEqual([sink.sizes, outbox.slices], [[MIB], 0])
    sink.complete()
    assert.deepEqual([sink.sizes, outbox.slices], [[MIB, MIB], 1])
    assert.ok(outbox.queuedBytes < 2 * MIB + 100)
    sink.completeAll()
    assert.equal(outbox.slices, 4)
    assert.deepEqual(sink.received, messages)
  })

  test('drops a message that no frame can hold, and only that one', () => {
    const { outbox, sink } = attached()
    outbox.push(read(1))
    const entry = { key: new Uint8Array(0), record: new Uint8Array(RECORD_BYTES_MAX) }
    const chunk = { ...SAMPLES['transfer-chunk'], entries: [entry, entry] } as PeerMessage
    assert.equal(outbox.push(chunk), 'oversize')
    outbox.push(read(2))
    outbox.flush()
    sink.completeAll()
    assert.deepEqual(sink.received, [read(1), read(2)])
  })

  test('at its end hands over all that is left, in order, and nothing more', () => {
    const { outbox, sink } = attached()
    const messages = [large(2 * MIB), read(1)]
    for (const message of messages) outbox.push(message)
    outbox.flush()
    outbox.push(read(2))
    outbox.end()
    outbox.flush()
    sink.completeAll()
    assert.deepEqual(sink.received, [...messages, read(2)])
    assert.equal(sink.sizes.length, 3)
  })

  test('writes nothing more over a socket that failed', () => {
    const { outbox, sink } = attached()
    outbox.push(large(2 * MIB))
    outbox.flush()
    outbox.push(read(1))
    sink.fail()
    assert.equal(sink.isBusy, false)
  })

  test('carries frames that were encoded before', () => {
    const { outbox, sink } = attached()
    outbox.pushFrame(Uint8Array.of(0, 0, 0, 3, 0x11, 1, 1))
    outbox.flush()
    sink.completeAll()
    assert.deepEqual(sink.received, [{ type: 'replicate-reply', request: 1, outcome: 'stored' }])
  })
})
