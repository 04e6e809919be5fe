import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import { ACCESS_RECORDS_MAX, GRANTS_MAX } from '../std/limits.ts'
import { HybridClock } from '../versions/hybrid-clock.ts'
import type { AccessRecord, Grant } from './access.ts'
import { FULL_GRANT } from './access.ts'
import type { AccessAsk, AccessResult } from './access-asks.ts'
import { AccessChanges } from './access-changes.ts'
import { AccessRegistry } from './access-registry.ts'
import { B, C, FakeHost, WALL } from './fake-host.test.ts'
import { stateKey } from './storage-keys.ts'

const SECRET = Uint8Array.of(1, 2, 3)
const READER: Grant = { role: 'read', bucket: 'carts', prefix: Uint8Array.of(97) }

class Bench {
  readonly host = new FakeHost()
  readonly registry = new AccessRegistry()
  readonly clock = new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 })
  others: readonly NodeId[] = []
  ready = true
  spoken = true
  announced = 0
  diskStands = false
  readonly changes: AccessChanges
  #stored = 0

  constructor() {
    this.clock.leaseGranted(WALL + 60_000)
    this.changes = new AccessChanges(this.host, {
      registry: this.registry,
      clock: this.clock,
      isReady: () => this.ready,
      isSpoken: () => this.spoken,
      others: () => this.others,
      announce: () => void this.announced++,
    })
  }

  ask(ask: AccessAsk): AccessResult | undefined {
    const before = this.host.replies.length
    this.changes.ask(1, ask)
    if (!this.diskStands) this.settle()
    const reply = this.host.replies[before]?.reply
    assert.ok(reply === undefined || reply.type === 'access')
    return reply?.result
  }

  create(name: string, grants: readonly Grant[], kind: 'user' | 'token' = 'user') {
    return this.ask({ what: 'create', kind, name, secret: SECRET, grants })
  }

  settle(): void {
    for (; this.#stored < this.host.batches.length; this.#stored++)
      this.changes.stored(this.host.batches[this.#stored]!.token)
    this.changes.check()
  }
}

function code(result: AccessResult | undefined): string | undefined {
  return result === undefined || result.ok ? undefined : result.code
}

test('the first must be an admin of everything, and the last such stays', () => {
  const bench = new Bench()
  assert.equal(code(bench.create('anna', [READER])), 'DND_ERR_LAST_ADMIN')
  assert.equal(bench.registry.isLocked, false)
  assert.deepEqual(bench.create('anna', [FULL_GRANT]), {
    ...{ ok: true, grants: [FULL_GRANT], pending: [] },
  })
  assert.equal(bench.registry.isLocked, true)
  const anna = { kind: 'user', name: 'anna' } as const
  assert.equal(code(bench.ask({ what: 'remove', ...anna })), 'DND_ERR_LAST_ADMIN')
  assert.equal(
    code(bench.ask({ what: 'revoke', ...anna, grant: FULL_GRANT })),
    'DND_ERR_LAST_ADMIN',
  )
  assert.ok(bench.create('root', [FULL_GRANT], 'token')!.ok)
  assert.ok(bench.ask({ what: 'remove', ...anna })!.ok)
  assert.equal(bench.registry.find('user', 'anna'), undefined)
  assert.equal(bench.registry.isLocked, true, 'and it stays locked')
})

test('grants come and go, passwords change, names are of their kind', () => {
  const bench = new Bench()
  bench.create('anna', [FULL_GRANT])
  const ben = { kind: 'user', name: 'ben' } as const
  bench.create('ben', [])
  assert.equal(code(bench.create('ben', [])), 'DND_ERR_PRINCIPAL_EXISTS')
  assert.ok(bench.create('ben', [], 'token')!.ok, 'a token may be called so, too')
  bench.ask({ what: 'grant', ...ben, grant: READER })
  bench.ask({ what: 'grant', ...ben, grant: READER })
  assert.deepEqual(bench.registry.find('user', 'ben')!.grants, [READER])
  bench.ask({ what: 'secret', ...ben, secret: Uint8Array.of(9) })
  assert.deepEqual(bench.registry.find('user', 'ben'), {
    ...{ secret: Uint8Array.of(9), grants: [READER] },
  })
  bench.ask({ what: 'revoke', ...ben, grant: READER })
  assert.deepEqual(bench.registry.find('user', 'ben')!.grants, [])
  assert.equal(
    code(bench.ask({ what: 'remove', kind: 'user', name: 'c' })),
    'DND_ERR_PRINCIPAL_UNKNOWN',
  )
  assert.equal(code(bench.create('C', [])), 'DND_ERR_BAD_PRINCIPAL')
  const many = Array.from({ length: GRANTS_MAX + 1 }, () => READER)
  assert.equal(code(bench.create('d', many)), 'DND_ERR_BAD_PRINCIPAL')
})

test('a change is kept, announced, and answered when everybody who is up has confirmed it', () => {
  const bench = new Bench()
  bench.others = [B, C]
  assert.equal(bench.create('anna', [FULL_GRANT]), undefined)
  assert.deepEqual(bench.host.batches[0]?.operations, [
    { type: 'put', key: stateKey('access'), value: bench.registry.encode() },
  ])
  assert.equal(bench.announced, 1)
  bench.changes.heard(B, bench.registry.records())
  bench.changes.heard(C, [])
  assert.equal(bench.host.replies.length, 0)
  bench.changes.heard(C, bench.registry.records())
  assert.equal(bench.host.replies.length, 1)
})

test('who does not confirm in time is named; what is not durable is unknown', () => {
  const bench = new Bench()
  bench.others = [B, C]
  bench.create('anna', [FULL_GRANT])
  bench.changes.heard(B, bench.registry.records())
  bench.changes.finish(1)
  const first = bench.host.replies[0]!.reply
  assert.ok(first.type === 'access' && first.result.ok)
  assert.deepEqual(first.result.pending, [C])
  bench.diskStands = true
  bench.create('ben', [])
  bench.changes.finish(2)
  const second = bench.host.replies[1]!.reply
  assert.ok(second.type === 'access' && !second.result.ok)
  assert.deepEqual([second.result.code, second.result.outcome], ['DND_ERR_TIMEOUT', 'unknown'])
})

test('a node that cannot make it known changes nothing', () => {
  const bench = new Bench()
  bench.ready = false
  assert.equal(code(bench.create('anna', [FULL_GRANT])), 'DND_ERR_NOT_READY')
  bench.ready = true
  bench.spoken = false
  assert.equal(code(bench.create('anna', [FULL_GRANT])), 'DND_ERR_NOT_READY')
  assert.equal(bench.registry.isLocked, false)
})

test('changes under way have a bound', () => {
  const bench = new Bench()
  bench.create('anna', [FULL_GRANT])
  bench.diskStands = true
  for (let i = 0; i < 64; i++) assert.equal(bench.create(`u${i}`, []), undefined)
  assert.equal(code(bench.create('one-more', [])), 'DND_ERR_OVERLOADED')
})

test('what others tell is merged and kept; the later word wins, in any order', () => {
  const told: readonly AccessRecord[] = [
    {
      kind: 'token',
      name: 'ci',
      stamp: { ms: 5, counter: 0 },
      principal: { secret: SECRET, grants: [] },
    },
    { kind: 'token', name: 'ci', stamp: { ms: 6, counter: 0 }, principal: undefined },
    { kind: 'token', name: 'BAD', stamp: { ms: 6, counter: 0 }, principal: undefined },
  ]
  for (const order of [told, told.toReversed()]) {
    const bench = new Bench()
    bench.changes.heard(B, order)
    bench.settle()
    assert.deepEqual(bench.registry.durableRecords(), [told[1]])
    const again = new AccessRegistry()
    again.restore(bench.registry.encode())
    assert.deepEqual(again.durableRecords(), [told[1]])
    assert.equal(again.isLocked, true)
  }
})

test('names have a bound, removed ones included, and can be used again', () => {
  const bench = new Bench()
  const removed = Array.from({ length: ACCESS_RECORDS_MAX - 1 }, (_, i): AccessRecord => ({
    ...{ kind: 'token', name: `t${i}`, stamp: { ms: 1, counter: 0 }, principal: undefined },
  }))
  bench.registry.merge(removed)
  assert.ok(bench.create('anna', [FULL_GRANT])!.ok)
  assert.equal(code(bench.create('ben', [])), 'DND_ERR_TOO_MANY_PRINCIPALS')
  assert.ok(bench.create('t7', [], 'token')!.ok)
})

test('a disk that was not written by us is left aside', () => {
  const registry = new AccessRegistry()
  registry.restore(Uint8Array.of(1, 2, 3))
  assert.equal(registry.isLocked, false)
})
