import { AccessChanges } from '../../core/node/access-changes.ts'
import type { AccessAsk, AccessResult } from '../../core/node/access-asks.ts'
import type { AccessRegistry } from '../../core/node/access-registry.ts'
import { FakeHost, WALL } from '../../core/node/fake-host.test.ts'
import { assert } from '../../core/std/assert.ts'
import { HybridClock } from '../../core/versions/hybrid-clock.ts'

/** What a node that is alone would do and say. */
export function accessAnswer(registry: AccessRegistry, ask: AccessAsk): AccessResult {
  const host = new FakeHost()
  const clock = new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 })
  clock.leaseGranted(WALL + 60_000)
  const changes = new AccessChanges(host, {
    ...{ registry, clock, isReady: () => true, isSpoken: () => true },
    ...{ others: () => [], announce: () => undefined },
  })
  changes.ask(1, ask)
  for (const { token } of host.batches) changes.stored(token)
  const reply = host.replies[0]?.reply
  assert(reply?.type === 'access', 'an answer about users')
  return reply.result
}
