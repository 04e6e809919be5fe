import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DialBackoff } from './dial-backoff.ts'

function backoff(random = 0): DialBackoff {
  return new DialBackoff({ minMs: 100, maxMs: 2000, random: () => random })
}

suite('the wait before the next dial', () => {
  test('is none at first', () => {
    assert.equal(backoff().waitMs(0), 0)
  })

  test('doubles with each failure up to its maximum', () => {
    const waits = backoff()
    const seen: number[] = []
    for (let i = 0; i < 8; i++) {
      waits.onFailed(0)
      seen.push(waits.waitMs(0))
    }
    assert.deepEqual(seen, [100, 200, 400, 800, 1600, 2000, 2000, 2000])
  })

  test('stays at its maximum after any number of failures', () => {
    const waits = backoff()
    for (let i = 0; i < 5000; i++) waits.onFailed(0)
    assert.equal(waits.waitMs(0), 2000)
  })

  test('is up to half shorter by chance', () => {
    const waits = backoff(0.5)
    waits.onFailed(1000)
    assert.equal(waits.waitMs(1000), 75)
    const shortest = backoff(1)
    shortest.onFailed(1000)
    assert.equal(shortest.waitMs(1000), 50)
  })

  test('passes', () => {
    const waits = backoff()
    waits.onFailed(1000)
    assert.equal(waits.waitMs(1040), 60)
    assert.equal(waits.waitMs(1100), 0)
    assert.equal(waits.waitMs(9999), 0)
  })

  test('is none for a link that stood for long, and goes on growing for one that did not', () => {
    const waits = backoff()
    waits.onFailed(0)
    waits.onLost(0, 1999)
    assert.equal(waits.waitMs(0), 200)
    waits.onLost(0, 2000)
    assert.equal(waits.waitMs(0), 0)
    waits.onFailed(0)
    assert.equal(waits.waitMs(0), 100)
  })

  test('is forgotten when the peer has moved', () => {
    const waits = backoff()
    waits.onFailed(0)
    waits.onFailed(0)
    waits.reset()
    assert.equal(waits.waitMs(0), 0)
    waits.onFailed(0)
    assert.equal(waits.waitMs(0), 100)
  })
})
