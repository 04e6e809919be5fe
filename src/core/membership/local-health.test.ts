import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { duration, instant } from '../std/instant.ts'
import { LocalHealth } from './local-health.ts'

const PATIENCE = duration(2_000)

/** With this score. */
function at(score: number): LocalHealth {
  const health = new LocalHealth()
  for (let i = 0; i < score; i++) health.onSuspected()
  return health
}

suite('the score', () => {
  test('begins at 0, where all times are as they are configured', () => {
    const health = new LocalHealth()
    assert.equal(health.score, 0)
    assert.equal(health.multiplier, 1)
    assert.equal(at(3).multiplier, 4)
  })

  test('gets better by one with an answer, and never better than 0', () => {
    const health = at(2)
    const scores = [1, 2, 3].map(() => {
      health.onAnswered()
      return health.score
    })
    assert.deepEqual(scores, [1, 0, 0])
  })

  test('gets worse by one for each helper whose nack is missing', () => {
    const table: readonly (readonly [asked: number, nacks: number, score: number])[] = [
      [3, 3, 0],
      [3, 2, 1],
      [3, 0, 3],
      [1, 0, 1],
    ]
    for (const [asked, nacks, score] of table) {
      const health = new LocalHealth()
      health.onUnanswered(asked, nacks)
      assert.equal(health.score, score, `${nacks} of ${asked}`)
    }
  })

  test('gets worse by one where there was nobody to ask', () => {
    const health = new LocalHealth()
    health.onUnanswered(0, 0)
    assert.equal(health.score, 1)
  })

  test('gets worse by one when somebody suspects this node', () => {
    assert.equal(at(1).score, 1)
  })

  test('gets worse by one for every second, begun, of standing still', () => {
    for (const [gap, score] of [
      [1_001, 2],
      [2_000, 2],
      [5_500, 6],
    ] as const) {
      const health = new LocalHealth()
      health.onStall(duration(gap))
      assert.equal(health.score, score)
    }
  })

  test('is never worse than 7', () => {
    const health = at(6)
    health.onUnanswered(3, 0)
    assert.equal(health.score, 7)
    health.onStall(duration(60_000))
    assert.equal(health.score, 7)
    assert.equal(health.multiplier, 8)
  })
})

suite('a node is mute', () => {
  const NOW = instant(10_000)

  /** After probes with these ends: `s` nothing came back, `n` a nack did, `a` an answer. */
  function after(probes: string): LocalHealth {
    const health = new LocalHealth()
    health.onHeard(NOW)
    for (const end of probes) {
      if (end === 'a') health.onAnswered()
      else health.onUnanswered(3, end === 'n' ? 1 : 0)
    }
    return health
  }

  test('when most of its last five probes met silence although packets arrive', () => {
    for (const probes of ['sss', 'aasss', 'nsnss', 'sasas', 'aaaaasss'])
      assert.ok(after(probes).isMute(NOW, PATIENCE), probes)
  })

  test('not when fewer did, or others have been answered since', () => {
    for (const probes of ['', 'ss', 'aaass', 'nnnnn', 'sssaaa'])
      assert.ok(!after(probes).isMute(NOW, PATIENCE), probes)
  })

  test('not when it hears nothing either: then it may be the network, or the others', () => {
    const health = after('sssss')
    assert.ok(health.isMute(instant(12_000), PATIENCE))
    assert.ok(!health.isMute(instant(12_001), PATIENCE))
    const deaf = new LocalHealth()
    for (let i = 0; i < 5; i++) deaf.onUnanswered(3, 0)
    assert.ok(!deaf.isMute(NOW, PATIENCE))
  })

  test('not when there was nobody who could have helped', () => {
    const health = new LocalHealth()
    health.onHeard(NOW)
    for (let i = 0; i < 5; i++) health.onUnanswered(0, 0)
    assert.ok(!health.isMute(NOW, PATIENCE))
  })

  test('not by what was in flight while it stood still', () => {
    const health = after('sssss')
    health.onStall(duration(2_000))
    assert.ok(!health.isMute(NOW, PATIENCE))
  })
})

suite('a node calls itself degraded', () => {
  test('from a score of 4 on until it is 0 again', () => {
    const health = at(3)
    assert.equal(health.verdict(instant(0), false), undefined)
    health.onSuspected()
    assert.equal(health.verdict(instant(1_000), false), true)
    assert.equal(health.verdict(instant(2_000), false), undefined)
    for (let i = 0; i < 3; i++) health.onAnswered()
    assert.equal(health.verdict(instant(50_000), false), undefined)
    health.onAnswered()
    assert.equal(health.verdict(instant(50_000), false), false)
    assert.equal(health.verdict(instant(90_000), false), undefined)
  })

  test('when it is mute', () => {
    const health = new LocalHealth()
    assert.equal(health.verdict(instant(0), true), true)
    assert.equal(health.verdict(instant(20_000), true), undefined)
    assert.equal(health.verdict(instant(20_000), false), false)
  })

  test('and changes its word at most every ten seconds, for each is news for all', () => {
    const health = new LocalHealth()
    assert.equal(health.verdict(instant(0), true), true)
    assert.equal(health.verdict(instant(9_999), false), undefined)
    assert.equal(health.verdict(instant(10_000), false), false)
    assert.equal(health.verdict(instant(19_999), true), undefined)
    assert.equal(health.verdict(instant(20_000), true), true)
  })
})
