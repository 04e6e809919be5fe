import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Replica } from './exchange-replica.test.ts'
import { EXCHANGE_SILENCE } from './exchanges.ts'

test('a silent peer is given up at the very instant, however the sum of times is rounded', () => {
  const begunAt = 40_000.001
  assert.ok(begunAt + EXCHANGE_SILENCE - begunAt < EXCHANGE_SILENCE)
  const [asking, silent] = [1, 2].map((n) => new Replica(n, 256, () => {})) as [Replica, Replica]
  asking.wait(begunAt)
  asking.begin(silent)
  assert.equal(asking.exchanges.initiated, 1)
  asking.waitForTimer()
  assert.equal(asking.exchanges.initiated, 0)
  assert.equal(asking.done.at(-1)?.outcome, 'failed')
})
