import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PartitionId, VnodeId } from '../std/ids.ts'
import { SIBLINGS_MAX } from '../std/limits.ts'
import { Actor } from '../versions/actor.ts'
import { contextOf, EMPTY_CONTAINER, liveVersions, sync, winner } from '../versions/container.ts'
import { HybridClock } from '../versions/hybrid-clock.ts'
import { compareStamps } from '../versions/stamp.ts'
import type { Container, Context, Value } from '../versions/version.ts'
import type { PreparedWrite } from './prepare-write.ts'
import { prepareWrite } from './prepare-write.ts'

const WALL = 1_000_000

/** A replica that writes: its own actor and clock. */
class Writer {
  readonly actor: Actor
  readonly clock: HybridClock
  wall = WALL

  constructor(vnode: number) {
    this.actor = new Actor({ vnode: vnode as VnodeId, leasedUntil: 0 })
    this.actor.leaseGranted(this.actor.leaseWanted()!)
    this.clock = new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 })
    this.clock.leaseGranted(WALL * 10)
  }

  write(
    local: Container,
    value: string | undefined,
    conflicts: 'lww' | 'siblings',
    context?: Context,
  ): Extract<PreparedWrite, { ok: true }> {
    const prepared = this.try(local, value, conflicts, context)
    assert.ok(prepared.ok, JSON.stringify(prepared))
    return prepared
  }

  try(
    local: Container,
    value: string | undefined,
    conflicts: 'lww' | 'siblings',
    context?: Context,
  ): PreparedWrite {
    const intent = {
      partition: 0 as PartitionId,
      conflicts,
      value: value === undefined ? undefined : valueOf(value),
      context,
    }
    return prepareWrite(local, intent, this.actor, this.clock, this.wall)
  }
}

function valueOf(text: string): Value {
  return {
    bytes: Uint8Array.from(text, (c) => c.charCodeAt(0)),
    contentType: 'text/plain',
    metadata: [],
    expiresAtMs: 0,
  }
}

function texts(container: Container): string[] {
  return liveVersions(container)
    .map(({ value }) => String.fromCharCode(...value!.bytes))
    .toSorted()
}

test('in an lww bucket a write supersedes all that the replica holds, with or without a context', () => {
  const a = new Writer(1)
  const b = new Writer(2)
  const one = a.write(EMPTY_CONTAINER, 'one', 'lww').container
  const both = sync(one, b.write(EMPTY_CONTAINER, 'two', 'lww').container)
  assert.equal(both.versions.length, 2)
  assert.deepEqual(texts(a.write(both, 'three', 'lww').container), ['three'])
})

test('a successor wins although its clock is far behind that of what it supersedes', () => {
  const fast = new Writer(1)
  fast.wall = WALL + 400
  const slow = new Writer(2)
  slow.wall = WALL - 5_000
  const first = fast.write(EMPTY_CONTAINER, 'first', 'lww')
  const second = slow.write(EMPTY_CONTAINER, 'second', 'lww', first.context)
  assert.ok(
    compareStamps(second.container.versions[0]!.stamp, first.container.versions[0]!.stamp) > 0,
  )
  assert.deepEqual(texts(sync(first.container, second.container)), ['second'])
})

test('a delete in an lww bucket competes by its stamp with a concurrent put', () => {
  const a = new Writer(1)
  const b = new Writer(2)
  b.wall = WALL + 10
  const base = a.write(EMPTY_CONTAINER, 'x', 'lww').container
  const put = a.write(base, 'y', 'lww').container
  const later = sync(put, b.write(base, undefined, 'lww').container)
  assert.equal(winner(later)?.value, undefined, 'the later delete wins')
  b.wall = WALL - 10
  const c = new Writer(3)
  c.wall = WALL - 10
  const earlier = sync(
    a.write(base, 'z', 'lww').container,
    c.write(EMPTY_CONTAINER, undefined, 'lww').container,
  )
  assert.notEqual(winner(earlier)?.value, undefined, 'the earlier delete loses')
})

test('in a siblings bucket a write without a context stands beside what is there', () => {
  const a = new Writer(1)
  const one = a.write(EMPTY_CONTAINER, 'one', 'siblings')
  const two = a.write(one.container, 'two', 'siblings')
  assert.deepEqual(texts(two.container), ['one', 'two'])
  assert.equal(two.context, undefined, 'a context of it would cover the other, unseen')
})

test('in a siblings bucket a write supersedes what its context saw and nothing else', () => {
  const a = new Writer(1)
  const b = new Writer(2)
  const one = a.write(EMPTY_CONTAINER, 'one', 'siblings')
  const both = sync(one.container, b.write(EMPTY_CONTAINER, 'two', 'siblings').container)
  const next = a.write(both, 'one+', 'siblings', one.context)
  assert.deepEqual(texts(next.container), ['one+', 'two'])
  const resolved = a.write(next.container, 'all', 'siblings', contextOf(next.container))
  assert.deepEqual(texts(resolved.container), ['all'])
  assert.notEqual(resolved.context, undefined)
})

test('a delete in a siblings bucket removes what it saw, or all that is held when it names nothing', () => {
  const a = new Writer(1)
  const one = a.write(EMPTY_CONTAINER, 'one', 'siblings')
  const two = a.write(one.container, 'two', 'siblings')
  const seen = a.write(two.container, undefined, 'siblings', one.context)
  assert.deepEqual(texts(seen.container), ['two'])
  assert.equal(seen.context, undefined)
  const all = a.write(two.container, undefined, 'siblings')
  assert.deepEqual(texts(all.container), [])
  assert.equal(all.container.versions.length, 1, 'the delete itself')
  assert.ok(all.container.vector.length > 0, 'its causality stays')
})

test('a context-less write beyond the most siblings is refused, one with a context is not', () => {
  const a = new Writer(1)
  let container = EMPTY_CONTAINER
  for (let i = 0; i < SIBLINGS_MAX; i++)
    container = a.write(container, `v${i}`, 'siblings').container
  const refused = a.try(container, 'one too many', 'siblings')
  assert.ok(
    !refused.ok && refused.code === 'DND_ERR_TOO_MANY_SIBLINGS' && refused.outcome === 'rejected',
  )
  assert.deepEqual(texts(a.write(container, 'all', 'siblings', contextOf(container)).container), [
    'all',
  ])
})

test('beyond the most siblings one with a context that covers none of them is refused as well', () => {
  const a = new Writer(1)
  const first = a.write(EMPTY_CONTAINER, 'v0', 'siblings').container
  const stale = contextOf(first)
  let container = a.write(first, 'v1', 'siblings', stale).container
  for (let i = 1; i < SIBLINGS_MAX; i++)
    container = a.write(container, `w${i}`, 'siblings', stale).container
  assert.equal(container.versions.length, SIBLINGS_MAX)
  const refused = a.try(container, 'one too many', 'siblings', stale)
  assert.ok(!refused.ok && refused.code === 'DND_ERR_TOO_MANY_SIBLINGS')
  const [one] = container.versions
  const seen = { vector: [one!.dot], stamp: one!.stamp }
  assert.equal(a.write(container, 'mine', 'siblings', seen).container.versions.length, SIBLINGS_MAX)
})

test('deletes do not count as siblings, and are taken whatever there is', () => {
  const a = new Writer(1)
  let container = EMPTY_CONTAINER
  for (let i = 0; i < SIBLINGS_MAX; i++)
    container = a.write(container, `v${i}`, 'siblings').container
  const one = container.versions[0]!
  const seen = { vector: [one.dot], stamp: one.stamp }
  container = a.write(container, undefined, 'siblings', seen).container
  assert.equal(container.versions.length, SIBLINGS_MAX)
  assert.ok(a.try(container, 'the last', 'siblings').ok)
})

test('without a lease nothing is drawn and the write is refused', () => {
  const a = new Writer(1)
  const dry = new Actor({ vnode: 9 as VnodeId, leasedUntil: 50 })
  const intent = {
    partition: 0 as PartitionId,
    conflicts: 'lww',
    value: valueOf('x'),
    context: undefined,
  } as const
  const refused = prepareWrite(EMPTY_CONTAINER, intent, dry, a.clock, WALL)
  assert.ok(!refused.ok && refused.code === 'DND_ERR_OVERLOADED' && refused.outcome === 'rejected')
  const asleep = new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 })
  const before = a.actor.draw()!.counter
  assert.ok(!prepareWrite(EMPTY_CONTAINER, intent, a.actor, asleep, WALL).ok)
  assert.equal(a.actor.draw()!.counter, before + 1, 'no dot was spent')
})
