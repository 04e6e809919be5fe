import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Failure } from '../coordinator/messages.ts'
import { AssertionError } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import { HybridClock } from '../versions/hybrid-clock.ts'
import type { KeyringState } from './cluster-key.ts'
import { KEYS_MAX } from './cluster-key.ts'
import { A, B, C, D, FakeHost, WALL } from './fake-host.test.ts'
import type { KeysAsk, KeysReport, KeysResult } from './key-asks.ts'
import { KeyChanges } from './key-changes.ts'
import {
  configured,
  digest,
  idOf,
  installed,
  keyring,
  removed,
  secretOf,
} from './key-fixture.test.ts'
import { installedKeys, KeyRing, mergeKeyrings, primaryOf } from './key-ring.ts'

const OLD = idOf(1)
const NEW = idOf(2)
const BOTH = [OLD, NEW].toSorted()

class Bench {
  readonly host = new FakeHost()
  readonly ring: KeyRing
  readonly clock = new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 })
  others: readonly NodeId[] = [B, C]
  layout: readonly NodeId[] | undefined = [A, B, C]
  announced = 0
  readonly changes: KeyChanges
  #stored = 0

  constructor(state: KeyringState = configured(1)) {
    this.clock.leaseGranted(WALL + 60_000)
    this.ring = new KeyRing(state, digest)
    this.changes = this.#changesOf(this.ring)
  }

  #changesOf(ring: KeyRing | undefined): KeyChanges {
    return new KeyChanges(this.host, {
      ...{ ring, digest, clock: this.clock },
      layoutMembers: () => this.layout,
      others: () => this.others,
      nameOf: (node) => `node-${node[0]}`,
      announce: () => void this.announced++,
    })
  }

  without(): KeyChanges {
    return this.#changesOf(undefined)
  }

  ask(ask: KeysAsk): void {
    this.changes.ask(1, ask)
    this.changes.check()
  }

  install(byte: number): void {
    this.ask({ what: 'install', secret: secretOf(byte) })
    this.settle()
  }

  /** What was handed over is durable. */
  settle(): void {
    for (; this.#stored < this.host.keyrings.length; this.#stored++)
      this.changes.stored(this.host.keyrings[this.#stored]!.revision)
    this.changes.check()
  }

  /** Answers the last question for a report. */
  report(from: NodeId, keys: readonly number[], primary = keys[0]): void {
    const { request } = this.host.sentOf('keys-request').at(-1)!.message
    const ids = keys.map(idOf).toSorted()
    const seals = primary === undefined ? undefined : idOf(primary)
    this.changes.replied(from, { type: 'keys-reply', request, keys: ids, primary: seals })
    this.changes.check()
  }

  /** All others tell what they have, with the change that this node has told them. */
  confirm(...nodes: readonly NodeId[]): void {
    for (const node of nodes) this.changes.heard(node, this.ring.durable)
    this.changes.check()
  }

  /** The time of whatever is under way is over. */
  expire(): void {
    const { timer } = this.host.timers.at(-1)!
    assert.ok(timer.owner === 'keys')
    this.changes.onTimer(timer.ask)
    this.changes.check()
  }

  get results(): readonly KeysResult[] {
    return this.host.replies.map(({ reply }) => {
      assert.ok(reply.type === 'cluster-keys')
      return reply.result
    })
  }

  get failure(): Failure | undefined {
    const result = this.results.at(-1)
    return result === undefined || result.ok ? undefined : result
  }

  /** Of the last change. */
  get pending(): readonly NodeId[] {
    const result = this.results.at(-1)
    assert.ok(result?.ok === true && result.what === 'changed', JSON.stringify(result))
    return result.pending
  }
}

/** The new key is installed here and everywhere. */
function installedBench(): Bench {
  const bench = new Bench()
  bench.install(2)
  bench.confirm(B, C)
  return bench
}

/** The new key is what this node seals with. */
function rotatedBench(): Bench {
  const bench = installedBench()
  bench.ask({ what: 'use', id: NEW })
  bench.report(B, [1, 2])
  bench.report(C, [1, 2])
  bench.settle()
  return bench
}

suite('installing a key', () => {
  test('makes it durable, tells the others, and is done when all who are up have it', () => {
    const bench = new Bench()
    bench.ask({ what: 'install', secret: secretOf(2) })
    assert.equal(bench.announced, 0)
    assert.deepEqual(bench.changes.durable, configured(1))
    bench.settle()
    assert.equal(bench.announced, 1)
    assert.deepEqual(installedKeys(bench.changes.durable!), BOTH)
    bench.changes.heard(B, configured(1))
    bench.confirm(B)
    assert.deepEqual(bench.results, [])
    bench.confirm(C)
    const report: KeysReport = { keys: BOTH, primary: OLD }
    const result = { ok: true, what: 'changed', id: NEW, report, pending: [] } as const
    assert.deepEqual(bench.results, [result])
  })

  test('changes nothing about which one is used, and says so with a stamp', () => {
    const bench = installedBench()
    assert.equal(primaryOf(bench.ring.known), OLD)
    assert.ok(bench.ring.known.primary!.stamp.ms >= WALL)
    const joiner = mergeKeyrings(configured(2), bench.ring.known)
    assert.equal(primaryOf(joiner), OLD)
  })

  test('names who has not confirmed in time', () => {
    const bench = new Bench()
    bench.install(2)
    bench.confirm(C)
    bench.expire()
    assert.deepEqual(bench.pending, [B])
  })

  test('once more is no change, and waits for those who have not confirmed', () => {
    const bench = installedBench()
    const { known } = bench.ring
    bench.install(2)
    assert.equal(bench.ring.known, known)
    bench.confirm(B, C)
    assert.equal(bench.results.length, 2)
    assert.deepEqual(bench.pending, [])
  })

  test('that was removed is a newer word than the removal', () => {
    const bench = new Bench(keyring([installed(1, 1), removed(2, WALL + 100)], [1, 1]))
    bench.install(2)
    assert.deepEqual(installedKeys(bench.ring.durable), BOTH)
  })

  test('is refused when there are as many as there may be', () => {
    const bench = new Bench(
      keyring(Array.from({ length: KEYS_MAX }, (_, i) => installed(i + 10, 1))),
    )
    bench.install(2)
    assert.equal(bench.failure?.code, 'DND_ERR_TOO_MANY_CLUSTER_KEYS')
    bench.install(10)
    bench.confirm(B, C)
    assert.deepEqual(bench.pending, [])
  })

  test('alone is done when it is durable', () => {
    const bench = new Bench()
    bench.others = []
    bench.layout = [A]
    bench.install(2)
    assert.deepEqual(bench.pending, [])
  })

  test('that this node cannot store changes nothing, and says why', () => {
    const bench = new Bench()
    bench.ask({ what: 'install', secret: secretOf(2) })
    bench.changes.storeFailed(bench.host.keyrings[0]!.revision, 'no space left on device')
    assert.equal(bench.failure?.code, 'DND_ERR_STORE_FAILED')
    assert.match(bench.failure.message, /no space left on device/)
    assert.equal(bench.failure.outcome, 'rejected')
    assert.deepEqual(bench.ring.known, configured(1))
    assert.equal(bench.announced, 0)
    bench.install(2)
    assert.deepEqual(installedKeys(bench.ring.durable), BOTH)
  })

  test('that is not durable in time may still come into force', () => {
    const bench = new Bench()
    bench.ask({ what: 'install', secret: secretOf(2) })
    bench.expire()
    assert.equal(bench.failure?.code, 'DND_ERR_TIMEOUT')
    assert.equal(bench.failure.outcome, 'unknown')
    bench.settle()
    assert.equal(bench.results.length, 1)
  })
})

suite('using a key', () => {
  test('asks all who are up, and then makes it the primary', () => {
    const bench = installedBench()
    bench.ask({ what: 'use', id: NEW })
    assert.deepEqual(
      bench.host.sentOf('keys-request').map(({ to }) => to),
      [B, C],
    )
    bench.report(B, [1, 2])
    assert.equal(primaryOf(bench.ring.known), OLD)
    bench.report(C, [1, 2])
    assert.equal(primaryOf(bench.ring.known), NEW)
    bench.settle()
    bench.confirm(B, C)
    assert.deepEqual(bench.pending, [])
  })

  test('is refused while a member that is up lacks it, or does not say', () => {
    const bench = installedBench()
    bench.ask({ what: 'use', id: NEW })
    bench.report(B, [1])
    bench.expire()
    assert.equal(bench.failure?.code, 'DND_ERR_CLUSTER_KEY_MISSING')
    assert.match(bench.failure.message, /node-b \(b+\) without it, node-c \(c+\) without an answer/)
    assert.equal(primaryOf(bench.ring.known), OLD)
  })

  test('does not wait for members that are down: they have the old one, and learn', () => {
    const bench = installedBench()
    bench.others = [B]
    bench.ask({ what: 'use', id: NEW })
    bench.report(B, [1, 2])
    assert.equal(primaryOf(bench.ring.known), NEW)
  })

  test('that is not installed is refused at once', () => {
    const bench = new Bench()
    bench.ask({ what: 'use', id: NEW })
    assert.equal(bench.failure?.code, 'DND_ERR_CLUSTER_KEY_UNKNOWN')
    assert.deepEqual(bench.host.sent, [])
  })

  test('that was removed while the others were asked is refused', () => {
    const bench = installedBench()
    bench.ask({ what: 'use', id: NEW })
    bench.changes.heard(B, keyring([installed(1, 0), removed(2, WALL + 9_000)], [1, WALL + 1]))
    bench.report(B, [1])
    bench.report(C, [1, 2])
    assert.equal(bench.failure?.code, 'DND_ERR_CLUSTER_KEY_UNKNOWN')
  })

  test('once more is no change, and waits for those who have not heard', () => {
    const bench = rotatedBench()
    bench.confirm(B, C)
    const { known } = bench.ring
    bench.ask({ what: 'use', id: NEW })
    bench.report(B, [1, 2])
    bench.report(C, [1, 2])
    assert.equal(bench.ring.known, known)
    bench.confirm(B)
    bench.expire()
    assert.deepEqual(bench.pending, [C])
  })
})

suite('removing a key', () => {
  test('is refused while it is the primary', () => {
    const bench = installedBench()
    bench.ask({ what: 'remove', id: OLD, force: true })
    assert.equal(bench.failure?.code, 'DND_ERR_CLUSTER_KEY_IN_USE')
    assert.match(bench.failure.message, /is the primary/)
  })

  test('is done when every member of the layout has the new primary and uses it', () => {
    const bench = rotatedBench()
    bench.confirm(B, C)
    bench.ask({ what: 'remove', id: OLD, force: false })
    bench.report(B, [1, 2], 2)
    bench.report(C, [1, 2], 2)
    bench.settle()
    assert.deepEqual(installedKeys(bench.ring.durable), [NEW])
    bench.confirm(B, C)
    assert.deepEqual(bench.pending, [])
  })

  test('is refused while a member still seals with it, or has not the primary', () => {
    const bench = rotatedBench()
    bench.ask({ what: 'remove', id: OLD, force: false })
    bench.report(B, [1, 2], 1)
    bench.report(C, [3], 3)
    assert.equal(bench.failure?.code, 'DND_ERR_CLUSTER_KEY_IN_USE')
    assert.match(bench.failure.message, /node-b \(b+\), node-c \(c+\) did not report/)
    assert.deepEqual(installedKeys(bench.ring.known), BOTH)
  })

  test('is refused while a dead member of the layout has never reported', () => {
    const bench = rotatedBench()
    bench.layout = [A, B, C, D]
    bench.ask({ what: 'remove', id: OLD, force: false })
    bench.report(B, [1, 2], 2)
    bench.report(C, [1, 2], 2)
    assert.equal(bench.failure?.code, 'DND_ERR_CLUSTER_KEY_IN_USE')
    assert.match(bench.failure.message, /^node-d \(d+\) did not report/)
  })

  test('is refused while a new node that is up, without a role yet, has not the primary', () => {
    const bench = rotatedBench()
    bench.others = [B, C, D]
    bench.ask({ what: 'remove', id: OLD, force: false })
    bench.report(B, [1, 2], 2)
    bench.report(C, [1, 2], 2)
    bench.report(D, [1], 1)
    assert.equal(bench.failure?.code, 'DND_ERR_CLUSTER_KEY_IN_USE')
  })

  test('goes on without a member that went down after it had reported the new primary', () => {
    const bench = rotatedBench()
    bench.confirm(B, C)
    bench.others = [B]
    bench.ask({ what: 'remove', id: OLD, force: false })
    bench.report(B, [1, 2], 2)
    bench.settle()
    assert.deepEqual(installedKeys(bench.ring.durable), [NEW])
  })

  test('by force leaves behind who has not reported', () => {
    const bench = rotatedBench()
    bench.layout = [A, B, C, D]
    bench.ask({ what: 'remove', id: OLD, force: true })
    bench.report(B, [1, 2], 1)
    bench.expire()
    bench.settle()
    assert.deepEqual(installedKeys(bench.ring.durable), [NEW])
  })

  test('that nobody has is refused', () => {
    const bench = new Bench()
    bench.ask({ what: 'remove', id: NEW, force: true })
    assert.equal(bench.failure?.code, 'DND_ERR_CLUSTER_KEY_UNKNOWN')
  })
})

suite('listing', () => {
  test('says of each member what it has, and of whom nothing is known', () => {
    const bench = installedBench()
    bench.layout = [A, B, D]
    bench.ask({ what: 'list' })
    bench.report(C, [1])
    bench.expire()
    assert.deepEqual(bench.results.at(-1), {
      ok: true,
      what: 'list',
      members: [
        { node: A, report: { keys: BOTH, primary: OLD } },
        { node: B, report: undefined },
        { node: C, report: { keys: [OLD], primary: OLD } },
        { node: D, report: undefined },
      ],
    })
  })

  test('shows no secret', () => {
    const bench = installedBench()
    bench.ask({ what: 'list' })
    bench.report(B, [1, 2])
    bench.report(C, [1, 2])
    const answers = JSON.stringify(bench.host.replies)
    assert.ok(!answers.includes('secret'))
    assert.ok(!answers.includes('2,2,2,2'))
  })

  test('takes late and foreign answers for what they are', () => {
    const bench = new Bench()
    bench.ask({ what: 'list' })
    bench.report(D, [1])
    bench.expire()
    bench.report(B, [1])
    assert.equal(bench.results.length, 1)
  })
})

suite('what others tell', () => {
  test('is told on only when it is durable here', () => {
    const bench = new Bench()
    bench.changes.heard(B, keyring([installed(1, 0), installed(2, 5)], [1, 5]))
    assert.deepEqual(bench.changes.durable, configured(1))
    const [first] = bench.host.keyrings
    assert.ok(bench.changes.stored(first!.revision))
    assert.deepEqual(installedKeys(bench.changes.durable!), BOTH)
    assert.deepEqual(bench.host.notes, [{ type: 'cluster-keys', keys: BOTH, primary: OLD }])
  })

  test('goes to the disk one ring at a time, the last one last', () => {
    const bench = new Bench()
    bench.changes.heard(B, keyring([installed(2, 5)]))
    bench.changes.heard(B, keyring([installed(3, 5)]))
    bench.changes.heard(B, keyring([installed(4, 5)]))
    assert.equal(bench.host.keyrings.length, 1)
    bench.settle()
    assert.equal(bench.host.keyrings.length, 2)
    assert.equal(installedKeys(bench.changes.durable!).length, 4)
    assert.ok(!bench.changes.stored(bench.host.keyrings[0]!.revision))
  })

  test('and cannot be stored is forgotten until it is told again', () => {
    const bench = new Bench()
    const told = keyring([installed(1, 0), installed(2, 5)], [1, 5])
    bench.changes.heard(B, told)
    bench.changes.storeFailed(bench.host.keyrings[0]!.revision, 'full')
    assert.deepEqual(bench.host.notes, [{ type: 'store-failed', reason: 'full' }])
    assert.deepEqual(bench.ring.known, configured(1))
    bench.changes.heard(B, told)
    bench.changes.stored(bench.host.keyrings[1]!.revision)
    assert.deepEqual(installedKeys(bench.changes.durable!), BOTH)
  })

  test('when asked: what it has stored, and nothing that is on its way', () => {
    const bench = new Bench()
    bench.changes.heard(B, keyring([installed(2, 5)]))
    bench.changes.requested(C, 77)
    assert.deepEqual(bench.host.sentOf('keys-reply'), [
      { to: C, message: { type: 'keys-reply', request: 77, keys: [OLD], primary: OLD } },
    ])
  })
})

suite('a node without a ring', () => {
  test('refuses all that is asked of it, and says that it has no keys', () => {
    const bench = new Bench()
    const changes = bench.without()
    for (const ask of [
      { what: 'list' },
      { what: 'install', secret: secretOf(2) },
      { what: 'use', id: OLD },
      { what: 'remove', id: OLD, force: true },
    ] as const) {
      changes.ask(1, ask)
      assert.equal(bench.failure?.code, 'DND_ERR_NOT_ENCRYPTED')
    }
    changes.requested(B, 5)
    assert.deepEqual(bench.host.sentOf('keys-reply')[0]?.message, {
      ...{ type: 'keys-reply', request: 5, keys: [], primary: undefined },
    })
    changes.check()
  })

  test('takes no keys from others, and tells of none', () => {
    const bench = new Bench()
    const changes = bench.without()
    changes.heard(B, configured(1))
    assert.equal(changes.durable, undefined)
    assert.deepEqual(bench.host.keyrings, [])
  })
})

suite('at its limits', () => {
  test('it refuses what it cannot do', () => {
    const bench = new Bench()
    bench.layout = undefined
    bench.ask({ what: 'list' })
    assert.equal(bench.failure?.code, 'DND_ERR_NOT_READY')
    bench.layout = [A, B, C]
    for (let i = 0; i < 16; i++) bench.ask({ what: 'list' })
    assert.equal(bench.results.length, 1)
    bench.ask({ what: 'list' })
    assert.equal(bench.failure?.code, 'DND_ERR_OVERLOADED')
  })

  test('it draws no stamp beyond its lease', () => {
    const bench = new Bench()
    bench.host.wallMs = WALL + 70_000
    bench.install(2)
    assert.equal(bench.failure?.code, 'DND_ERR_OVERLOADED')
    assert.deepEqual(bench.ring.known, configured(1))
  })

  test('a ring without a key is our own bug', () => {
    const ring = new KeyRing(keyring([]), digest)
    assert.throws(() => ring.check(), AssertionError)
  })
})
