import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { claim, digest, idOf } from './harness.test.ts'
import type { MemberRecord } from './member.ts'
import { MemberClaims } from './member-claims.ts'
import { Reconnects } from './reconnects.ts'
import type { SwimEffect } from './swim-events.ts'

function claimsOf(
  held: readonly MemberRecord[],
  unproven: readonly MemberRecord[] = [],
): MemberClaims {
  const claims = new MemberClaims(claim(1), { digest, rememberedMs: 1e9, forgotten: () => {} })
  for (const record of held) {
    if (record.state === 'left') claims.hear({ ...record, state: 'alive' }, true, instant(0))
    claims.hear(record, true, instant(0))
  }
  for (const record of unproven) claims.hear(record, false, instant(0))
  return claims
}

/** What happens in ten minutes, pulse by pulse. */
function tenMinutes(
  claims: MemberClaims,
  seed = 1,
): { at: number[]; effects: SwimEffect[]; pinged: NodeId[] } {
  const reconnects = new Reconnects(claims, new Prng(seed))
  reconnects.start(instant(0))
  const at: number[] = []
  const effects: SwimEffect[] = []
  const pinged: NodeId[] = []
  for (let ms = 0; ms < 600_000; ms += 100) {
    const before = effects.length
    const ping = reconnects.onPulse(instant(ms), effects)
    if (effects.length > before) at.push(ms)
    if (ping !== undefined) pinged.push(ping)
  }
  return { at, effects, pinged }
}

function tried(effects: readonly SwimEffect[]): NodeId[] {
  return effects.flatMap((effect) => (effect.type === 'reconnect' ? [effect.id] : []))
}

function seeds(effects: readonly SwimEffect[]): number {
  return effects.filter((effect) => effect.type === 'reconnect-seed').length
}

const alive = (count: number): MemberRecord[] =>
  Array.from({ length: count }, (_, n) => claim(100 + n))

test('a node that stands alone with the dead tries one of them, and a seed, every 10 to 30 seconds', () => {
  const { at, effects } = tenMinutes(claimsOf([claim(2, 'dead'), claim(3, 'dead')]))
  for (const [i, ms] of at.entries()) {
    const wait = ms - (at[i - 1] ?? 0)
    assert.ok(wait >= 10_000 && wait <= 30_100, `${wait} ms`)
  }
  assert.equal(tried(effects).length, at.length)
  assert.equal(seeds(effects), at.length)
  assert.deepEqual([...new Set(tried(effects))].sort(), [idOf(2), idOf(3)])
})

test('nobody is tried while everybody is there, but for a seed now and then', () => {
  const { effects } = tenMinutes(claimsOf(alive(5)))
  assert.deepEqual(tried(effects), [])
  assert.ok(seeds(effects) <= 6)
})

test('those who left are not missed', () => {
  const { effects } = tenMinutes(claimsOf([...alive(3), claim(2, 'left')]))
  assert.deepEqual(tried(effects), [])
})

test('one who is all alone and remembers nobody tries its seeds for ever', () => {
  const { at, effects } = tenMinutes(claimsOf([]))
  assert.ok(at.length >= 19)
  assert.deepEqual(tried(effects), [])
  assert.equal(seeds(effects), at.length)
})

test('one of whom there is only hearsay is tried over TCP and pinged', () => {
  const { effects, pinged } = tenMinutes(claimsOf([], [claim(2)]))
  assert.deepEqual(new Set(tried(effects)), new Set([idOf(2)]))
  assert.equal(pinged.length, tried(effects).length)
})

test('whom the layout names and nobody remembers is looked for at the seeds', () => {
  const claims = claimsOf(alive(2))
  claims.setLayout([idOf(1), idOf(100), idOf(7)])
  const { effects } = tenMinutes(claims)
  assert.ok(seeds(effects) > 0)
  assert.deepEqual(tried(effects), [])
})

test('a cluster of many makes about one attempt a round for each who is lost, and not one each', () => {
  const members = [...alive(40), claim(2, 'dead'), claim(3, 'dead')]
  let attempts = 0
  for (let seed = 0; seed < 41; seed++) {
    attempts += tried(tenMinutes(claimsOf(members), seed).effects).length
  }
  // Thirty rounds of twenty seconds on average, two who are lost.
  assert.ok(attempts > 30 && attempts < 120, `${attempts} attempts`)
})

test('when more are lost than are left every node tries in every round', () => {
  const dead = Array.from({ length: 9 }, (_, n) => claim(2 + n, 'dead'))
  const { at } = tenMinutes(claimsOf([...alive(3), ...dead]))
  assert.ok(at.length >= 19)
})
