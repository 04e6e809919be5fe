import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { DndError } from '../core/errors.ts'
import type {
  ClientReply,
  ClientRequest,
  NodeEffect,
  NodeEvent,
  Note,
} from '../core/node/events.ts'
import type { Node } from '../core/node/node.ts'
import type { Address, NodeId } from '../core/std/ids.ts'
import type { Now } from '../core/std/instant.ts'
import { instant, NEVER } from '../core/std/instant.ts'
import type { PeerMessage } from '../core/wire/messages.ts'
import { Driver } from './driver.ts'

const B = 'b'.repeat(16) as NodeId
const HERE: Address = { host: '127.0.0.1', port: 5001 }
const MESSAGE: PeerMessage = { type: 'replicate-reply', request: 1, outcome: 'stored' }
const GET: ClientRequest = {
  ...{ type: 'get', bucket: 'b', key: new Uint8Array(1), sort: undefined, r: undefined },
  timeoutMs: undefined,
}
const REPLY: ClientReply = {
  type: 'get',
  result: {
    ...{ ok: false, code: 'DND_ERR_TIMEOUT', outcome: 'rejected', needed: 2, got: 1 },
    message: '',
  },
}
const store = (batch: number): NodeEffect => ({ type: 'store', batch, operations: [] })
const reply = (client: number): NodeEffect => ({ type: 'reply', client, reply: REPLY })

/**
 * A driver among fakes: a node that does what the test says, and adapters that write down what they
 * are asked.
 */
class Bench {
  /**
   * All that happened, in order: events into the node, calls of the adapters, answers to clients.
   */
  readonly log: string[] = []
  readonly lines: string[] = []
  readonly notes: Note[] = []
  readonly faults: string[] = []
  readonly driver: Driver
  /** What the node asks for when it is told an event. */
  react: (event: NodeEvent) => NodeEffect[] = () => []
  /** Why keys cannot be installed; undefined: they can. */
  installFailure: string | undefined
  /** What an adapter does at once when it is called. */
  onCall: (call: string) => void = () => undefined
  deadline: number = NEVER
  /** The deadline once it has looked at its timers; undefined: as before. */
  afterTick: number | undefined
  monotonic = 1_000
  wall = 50_000
  times: Now[] = []

  constructor() {
    const line = (level: string) => (message: string, fields?: object) =>
      void this.lines.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`)
    this.driver = new Driver({
      log: { error: line('error'), info: line('info'), debug: line('debug') },
      observer: {
        note: (note) => void this.notes.push(note),
        fault: (transport, cause) => void this.faults.push(`${transport} ${cause}`),
      },
      clocks: { monotonic: () => this.monotonic, wall: () => this.wall },
    })
  }

  start(seeds: readonly Address[] = []): void {
    const node = {
      step: (event: NodeEvent, now: Now, effects: NodeEffect[]) => {
        this.log.push(event.type === 'request' ? `request ${event.client}` : event.type)
        this.times.push({ ...now })
        if (event.type === 'tick') this.deadline = this.afterTick ?? this.deadline
        effects.push(...this.react(event))
      },
      nextDeadline: () => instant(this.deadline),
      view: () => 'the view',
    } as unknown as Node
    const call =
      (name: string) =>
      (...parts: unknown[]): void => {
        this.log.push(`${name} ${JSON.stringify(parts[0])}`)
        this.onCall(name)
      }
    const close = (): Promise<void> => Promise.resolve()
    this.driver.start(
      {
        node,
        links: {
          ...{ send: call('send'), setAddress: call('setAddress') },
          dial: call('dial'),
          close,
        },
        datagrams: { send: call('packet'), close },
        store: {
          ...{ commit: call('commit'), scan: call('scan') },
          ...{ get: () => undefined, getDurable: () => undefined, close },
        },
        keyring: {
          install: () => {
            this.log.push('install')
            return this.installFailure
          },
        },
      },
      seeds,
    )
  }

  submit(): void {
    this.driver.submit(GET, () => void this.log.push('answered'))
    this.log.push('submitted')
  }

  message(): void {
    this.driver.linkListener.message(B, MESSAGE)
  }
}

/** Timers that the test moves by hand. */
function fakeTimers(t: TestContext): { readonly tick: (ms: number) => void } {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return { tick: (ms) => t.mock.timers.tick(ms) }
}

test('effects are executed in the order asked for, each by its adapter', () => {
  const bench = new Bench()
  bench.start()
  bench.log.length = 0
  bench.react = () => [
    { type: 'send', to: B, message: MESSAGE },
    store(7),
    { type: 'address', peer: B, address: HERE },
    { type: 'dial', address: HERE },
    { type: 'scan', scan: 3, ranges: [] },
    { type: 'packet', to: HERE, packet: {} as never },
    { type: 'note', note: { type: 'hedged' } },
  ]
  bench.message()
  const here = JSON.stringify(HERE)
  assert.deepEqual(bench.log, [
    'message',
    `send "${B}"`,
    'commit 7',
    `setAddress "${B}"`,
    `dial ${here}`,
    'scan 3',
    `packet ${here}`,
  ])
  assert.deepEqual(bench.notes, [{ type: 'hedged' }])
  assert.equal(bench.driver.commits, 1)
})

test('keys are installed at once, and the node hears in its next step whether they could be', () => {
  const bench = new Bench()
  bench.start()
  bench.log.length = 0
  const state = { entries: [], primary: undefined }
  const keyring = (revision: number): NodeEffect => ({ type: 'keyring', revision, state })
  bench.react = (event) => (event.type === 'message' ? [keyring(1), store(1)] : [])
  bench.message()
  assert.deepEqual(bench.log, ['message', 'install', 'commit 1', 'keyring-stored'])
  bench.log.length = 0
  bench.installFailure = 'no space left on device'
  const heard: NodeEvent[] = []
  bench.react = (event) => {
    heard.push(event)
    return event.type === 'message' ? [keyring(2)] : []
  }
  bench.message()
  assert.deepEqual(bench.log, ['message', 'install', 'keyring-failed'])
  const reason = 'no space left on device'
  assert.deepEqual(heard.at(-1), { type: 'keyring-failed', revision: 2, reason })
})

test('an event that comes while effects are executed waits for the next step', () => {
  const bench = new Bench()
  bench.start()
  bench.log.length = 0
  bench.react = (event) => (event.type === 'message' ? [store(1), store(2)] : [])
  bench.onCall = (name) => {
    if (name === 'commit') bench.driver.storeListener.stored(9)
  }
  bench.message()
  assert.deepEqual(bench.log, ['message', 'commit 1', 'commit 2', 'stored', 'stored'])
})

test('events that waited are told in the order in which they came, however many steps that takes', () => {
  const bench = new Bench()
  bench.start()
  bench.log.length = 0
  let left = 1_000
  bench.react = (event) => (event.type === 'stored' && left-- <= 0 ? [] : [store(1)])
  bench.onCall = () => bench.driver.storeListener.stored(1)
  bench.message()
  assert.equal(bench.log.filter((line) => line === 'stored').length, 1_001)
})

test('each kind of event reaches the node', () => {
  const bench = new Bench()
  bench.start([HERE])
  const { linkListener, storeListener, datagramListener } = bench.driver
  linkListener.linkUp(B)
  linkListener.linkDown(B, 'gone')
  linkListener.dialed(HERE, B)
  linkListener.dialFailed(HERE, 'refused')
  datagramListener.packet({} as never, HERE)
  storeListener.storeFailed(1, 'full')
  storeListener.scanned(1, [])
  storeListener.scanFailed(1, 'no')
  assert.deepEqual(bench.log, [
    'start',
    ...['link-up', 'link-down', 'dialed', 'dial-failed', 'packet'],
    ...['store-failed', 'scanned', 'scan-failed'],
  ])
  assert.match(bench.lines.join(), /no connection .*127\.0\.0\.1/)
})

test('what comes before the start is kept, and told after it', () => {
  const bench = new Bench()
  bench.message()
  bench.driver.storeListener.stored(1)
  bench.submit()
  assert.deepEqual(bench.log, ['submitted'])
  bench.start()
  assert.deepEqual(bench.log, ['submitted', 'start', 'message', 'stored', 'request 1'])
})

test('before the start there is no view, and room for so many events only', () => {
  const bench = new Bench()
  const isNotReady = (error: unknown): boolean =>
    error instanceof DndError && error.code === 'DND_ERR_NOT_READY'
  assert.throws(() => bench.driver.view(), isNotReady)
  for (let i = 0; i < 10_010; i++) bench.message()
  assert.throws(() => bench.submit(), isNotReady, 'who could not be answered is told so')
  bench.start()
  assert.equal(bench.log.filter((line) => line === 'message').length, 10_000)
  assert.equal(bench.driver.view() as unknown, 'the view')
})

test('a client is never answered before its submit has returned', async () => {
  const bench = new Bench()
  bench.start()
  bench.log.length = 0
  bench.react = (event) => (event.type === 'request' ? [reply(event.client)] : [])
  bench.submit()
  assert.deepEqual(bench.log, ['request 1', 'submitted'])
  await Promise.resolve()
  assert.deepEqual(bench.log, ['request 1', 'submitted', 'answered'])
})

test('an answer to another client that comes during a submit waits as well, none is lost', async () => {
  const bench = new Bench()
  bench.start()
  bench.submit()
  bench.log.length = 0
  bench.react = (event) => (event.type === 'request' ? [reply(event.client), reply(1)] : [])
  bench.submit()
  assert.deepEqual(bench.log, ['request 2', 'submitted'])
  await Promise.resolve()
  assert.deepEqual(bench.log.slice(2), ['answered', 'answered'])
})

test('a later answer is given in the step that brings it, and once', () => {
  const bench = new Bench()
  bench.start()
  bench.submit()
  bench.log.length = 0
  bench.react = (event) =>
    event.type === 'message' ? [reply(1), reply(1), reply(99), store(1)] : []
  bench.message()
  assert.deepEqual(bench.log, ['message', 'answered', 'commit 1'])
})

test('who asks again when it is answered is heard after the step', async () => {
  const bench = new Bench()
  bench.start()
  bench.react = (event) =>
    event.type === 'message'
      ? [reply(1), store(1)]
      : event.type === 'request' && event.client > 1
        ? [reply(2)]
        : []
  bench.driver.submit(GET, () => {
    bench.log.push('answered 1')
    bench.driver.submit(GET, () => void bench.log.push('answered 2'))
    bench.log.push('submitted 2')
  })
  bench.log.length = 0
  bench.message()
  await Promise.resolve()
  assert.deepEqual(bench.log, [
    ...['message', 'answered 1', 'submitted 2', 'commit 1'],
    ...['request 2', 'answered 2'],
  ])
})

test('every step is told both clocks as they are then', () => {
  const bench = new Bench()
  bench.start()
  bench.monotonic = 1_234
  bench.wall = 99
  bench.message()
  assert.deepEqual(bench.times, [
    { instant: 1_000, wallMs: 50_000 },
    { instant: 1_234, wallMs: 99 },
  ])
})

test('there is one timer: for the next deadline, moved only by an earlier one', (t) => {
  const { tick } = fakeTimers(t)
  const bench = new Bench()
  const pass = (ms: number): void => {
    bench.monotonic += ms
    tick(ms)
  }
  bench.deadline = 1_100
  bench.start()
  bench.log.length = 0
  bench.deadline = 1_300
  bench.message()
  pass(99)
  assert.deepEqual(bench.log, ['message'])
  pass(1)
  assert.deepEqual(bench.log, ['message', 'tick'], 'it fires, and the node looks again')
  bench.deadline = 1_250
  bench.message()
  bench.afterTick = NEVER
  pass(150)
  assert.deepEqual(bench.log.slice(2), ['message', 'tick'])
  pass(1_000_000)
  assert.equal(bench.log.length, 4)
})

test('a deadline that is over is due at once, a far one as far as a timer can go', (t) => {
  const { tick } = fakeTimers(t)
  const bench = new Bench()
  bench.deadline = 10
  bench.afterTick = NEVER
  bench.start()
  bench.log.length = 0
  tick(1)
  assert.deepEqual(bench.log, ['tick'])
  bench.deadline = bench.monotonic + 2 ** 40
  bench.message()
  tick(2 ** 31 - 2)
  assert.deepEqual(bench.log, ['tick', 'message'])
  tick(1)
  assert.deepEqual(bench.log, ['tick', 'message', 'tick'])
})

test('a fraction of a millisecond is waited for in whole', (t) => {
  const { tick } = fakeTimers(t)
  const bench = new Bench()
  bench.deadline = 1_000.25
  bench.afterTick = NEVER
  bench.start()
  bench.log.length = 0
  tick(1)
  assert.deepEqual(bench.log, ['tick'])
})

test('after stop nothing reaches the node, and no timer is left', (t) => {
  const { tick } = fakeTimers(t)
  const bench = new Bench()
  bench.deadline = 1_100
  bench.start()
  bench.log.length = 0
  bench.driver.stop()
  bench.message()
  bench.submit()
  tick(1_000)
  assert.deepEqual(bench.log, ['submitted'])
})

test('a stop in the middle of a step ends with that step, and arms no timer', (t) => {
  const { tick } = fakeTimers(t)
  const bench = new Bench()
  bench.start()
  bench.log.length = 0
  bench.react = () => [store(1), store(2)]
  bench.onCall = () => {
    bench.driver.storeListener.stored(1)
    bench.driver.stop()
  }
  bench.deadline = 1_001
  bench.message()
  tick(10_000)
  assert.deepEqual(bench.log, ['message', 'commit 1', 'commit 2'])
})

test('faults are counted by transport, and told to nobody else', () => {
  const bench = new Bench()
  bench.start()
  bench.log.length = 0
  bench.driver.linkListener.fault('malformed-frame', '10.0.0.1')
  bench.driver.datagramListener.fault('wrong-cluster', '10.0.0.2')
  assert.deepEqual(bench.faults, ['tcp malformed-frame', 'udp wrong-cluster'])
  assert.deepEqual(bench.log, [])
  assert.ok(bench.lines.every((line) => line.startsWith('debug')))
})

test('faults about settings are told to people, of each source and cause once a minute', () => {
  const bench = new Bench()
  bench.start()
  bench.lines.length = 0
  const fault = (source: string, cause = 'unknown-key') =>
    bench.driver.datagramListener.fault(cause, `from ${source}`, source)
  for (let i = 0; i < 3; i++) fault('10.0.0.1:5001')
  fault('10.0.0.2:5001')
  fault('10.0.0.2:5001', 'plain-refused')
  bench.driver.linkListener.fault('unknown-key', 'from 10.0.0.1', '10.0.0.1:5001')
  bench.monotonic += 60_000
  fault('10.0.0.1:5001')
  const levels = bench.lines.map((line) => line.split(':')[0])
  assert.deepEqual(levels, ['info', 'debug', 'debug', 'info', 'info', 'info', 'info'])
  assert.equal(bench.faults.length, 7)
})

test('it is ready when the node says so', async () => {
  const bench = new Bench()
  let isReady = false
  void bench.driver.ready.then(() => {
    isReady = true
  })
  bench.start()
  await Promise.resolve()
  assert.ok(!isReady)
  bench.react = () => [{ type: 'note', note: { type: 'ready' } }]
  bench.message()
  await bench.driver.ready
  assert.ok(isReady)
})

test('each note has its level: what someone must look at, what changed, and what is only counted', () => {
  const info = {
    id: B,
    name: 'node2',
    address: HERE,
    httpAddress: HERE,
    zone: 'z',
    weight: 1,
    version: '1.0.0',
    leaveLock: '00'.repeat(16),
  }
  const key = new Uint8Array([1, 2])
  const notes: [Note, string][] = [
    [{ type: 'member', member: info, from: 'alive', to: 'dead' }, 'info'],
    [{ type: 'layout', version: 3, phase: 'moving' }, 'info'],
    [{ type: 'refuted', incarnation: 1 }, 'info'],
    [{ type: 'ready' }, 'info'],
    [{ type: 'transferred', partition: 1, records: 2 }, 'debug'],
    [{ type: 'transfer-differs', partition: 1, source: B, again: true }, 'info'],
    [{ type: 'transfer-differs', partition: 1, source: B, again: false }, 'error'],
    [{ type: 'cloned-identity', address: HERE, generation: 6 }, 'error'],
    [{ type: 'unreadable', key }, 'error'],
    [{ type: 'amnesia', partition: 3 }, 'error'],
    [{ type: 'store-failed', reason: 'disk full' }, 'error'],
    [{ type: 'clock-skew', peer: B, aheadMs: 600 }, 'error'],
    [{ type: 'peer-misbehaved', peer: B, what: 'nonsense' }, 'error'],
    [{ type: 'read-repair', replicas: 1 }, ''],
    [{ type: 'request-failed', code: 'DND_ERR_TIMEOUT' }, ''],
    [{ type: 'hedged' }, ''],
    [{ type: 'forwarded' }, ''],
  ]
  for (const [note, level] of notes) {
    const bench = new Bench()
    bench.start()
    bench.react = () => [{ type: 'note', note }]
    bench.message()
    assert.deepEqual(bench.notes, [note], 'all are counted')
    assert.deepEqual(
      bench.lines.map((line) => line.split(':')[0]),
      level === '' ? [] : [level],
      note.type,
    )
  }
})
