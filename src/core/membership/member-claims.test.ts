import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { claim, idOf, told } from './harness.test.ts'
import type { MemberRecord } from './member.ts'
import { MemberClaims } from './member-claims.ts'
import { compareRecords, isLive } from './member-order.ts'

const NOW = instant(0)

function fresh(forgotten: NodeId[] = []): MemberClaims {
  return new MemberClaims(claim(1), (id) => forgotten.push(id))
}

/** With these heard as their members' own word. */
function holding(...records: readonly MemberRecord[]): MemberClaims {
  const claims = fresh()
  for (const record of records) claims.hear(record, true, NOW)
  return claims
}

test('a relayed claim of life waits for proof, suspect as well as alive', () => {
  for (const state of ['alive', 'suspect'] as const) {
    const claims = fresh()
    assert.equal(claims.hear(claim(2, state), false, NOW), 'unproven')
    assert.ok(claims.isUnproven(idOf(2)))
    assert.deepEqual(claims.unproven(), [claim(2, state)])
    assert.equal(claims.shown(idOf(2)), undefined)
    assert.equal(claims.liveCount, 1)
    assert.ok(claims.vouch(idOf(2), 1))
    assert.equal(claims.shown(idOf(2))?.state, state)
    assert.equal(claims.liveCount, 2)
    assert.ok(!claims.vouch(idOf(2), 1))
    claims.check()
  }
})

test('a member’s own word, a death and a leave need no proof', () => {
  const claims = fresh()
  assert.equal(claims.hear(claim(2), true, NOW), 'shown')
  assert.equal(claims.hear(claim(3, 'dead'), false, NOW), 'shown')
  assert.equal(claims.hear(claim(4, 'left'), false, NOW), 'shown')
  assert.equal(claims.liveCount, 2)
  assert.deepEqual(claims.unproven(), [])
})

test('proof is of one generation', () => {
  const claims = fresh()
  claims.hear(claim(2, 'alive', 0, 3), false, NOW)
  assert.ok(!claims.vouch(idOf(2), 2))
  assert.ok(!claims.vouch(idOf(2), 4))
  assert.ok(!claims.vouch(idOf(9), 3))
  assert.ok(claims.vouch(idOf(2), 3))
})

test('news of a live member needs no proof: refutation, suspicion, restart', () => {
  const claims = holding(claim(2))
  assert.equal(claims.hear(claim(2, 'suspect'), false, NOW), 'shown')
  assert.equal(claims.hear(claim(2, 'alive', 1), false, NOW), 'shown')
  assert.equal(claims.hear(claim(2, 'alive', 0, 2), false, NOW), 'shown')
  assert.equal(claims.liveCount, 2)
})

test('of one dead or left, an unproven life is held while the death is shown', () => {
  for (const state of ['dead', 'left'] as const) {
    const claims = holding(claim(2, state))
    assert.equal(claims.hear(claim(2, 'alive', 0, 2), false, NOW), 'unproven')
    assert.equal(told(claims.held(idOf(2))), 'alive 2.0')
    assert.equal(told(claims.shown(idOf(2))), `${state} 1.0`)
    claims.check()
    assert.equal(claims.hear(claim(2, 'dead', 0, 2), false, NOW), 'shown')
    assert.equal(told(claims.shown(idOf(2))), 'dead 2.0')
    claims.check()
  }
})

test('the own word of the same generation proves what is held, though it is not newer', () => {
  const claims = fresh()
  claims.hear(claim(2, 'suspect', 3), false, NOW)
  assert.equal(claims.hear(claim(2, 'alive', 3), true, NOW), 'shown')
  assert.equal(told(claims.shown(idOf(2))), 'suspect 1.3')
})

test('a claim of life is doubtful when the member is held unproven or dead in that generation', () => {
  const claims = fresh()
  claims.hear(claim(2), false, NOW)
  assert.equal(claims.hear(claim(2), false, NOW), 'doubtful')
  claims.hear(claim(3, 'dead', 2), false, NOW)
  assert.equal(claims.hear(claim(3, 'alive', 1), false, NOW), 'doubtful')
  assert.equal(claims.hear(claim(3, 'dead', 1), false, NOW), 'ignored')
  assert.equal(claims.hear(claim(3, 'alive', 1, 0), false, NOW), 'ignored')
  claims.hear(claim(4, 'left'), false, NOW)
  assert.equal(claims.hear(claim(4), false, NOW), 'ignored')
  claims.hear(claim(5, 'alive', 2), true, NOW)
  assert.equal(claims.hear(claim(5, 'alive', 1), false, NOW), 'ignored')
})

test('an implausible claim is ignored', () => {
  const claims = holding(claim(2))
  assert.equal(claims.hear(claim(2, 'dead', 2 ** 21), true, NOW), 'ignored')
  assert.equal(claims.hear(claim(3, 'dead', 2 ** 21), true, NOW), 'ignored')
})

test('a contact vouches for what is held, and for what is heard in the next ten seconds', () => {
  const claims = fresh()
  claims.hear(claim(2), false, NOW)
  assert.ok(claims.prove(idOf(2), 1, NOW))
  assert.ok(!claims.prove(idOf(3), 1, NOW))
  assert.ok(!claims.prove(idOf(4), 1, NOW))
  assert.ok(!claims.prove(idOf(5), 2, NOW))
  assert.equal(claims.hear(claim(3), false, instant(9_999)), 'shown')
  assert.equal(claims.hear(claim(4), false, instant(10_000)), 'unproven')
  assert.equal(claims.hear(claim(5), false, NOW), 'unproven')
})

test('a contact vouches for the refutation of a death that is heard after it', () => {
  const claims = holding(claim(2, 'dead'))
  assert.ok(!claims.prove(idOf(2), 1, NOW))
  assert.equal(claims.hear(claim(2, 'alive', 1), false, NOW), 'shown')
})

test('a contact vouches once', () => {
  const claims = fresh()
  claims.prove(idOf(2), 1, NOW)
  claims.hear(claim(2), false, NOW)
  claims.hear(claim(2, 'dead'), false, NOW)
  assert.equal(claims.hear(claim(2, 'alive', 1), false, NOW), 'unproven')
})

test('of contacts with unknown nodes the last 64 are remembered', () => {
  const claims = fresh()
  for (let n = 2; n < 67; n++) claims.prove(idOf(n), 1, NOW)
  claims.check()
  assert.equal(claims.hear(claim(2), false, NOW), 'unproven')
  assert.equal(claims.hear(claim(3), false, NOW), 'shown')
  assert.equal(claims.hear(claim(66), false, NOW), 'shown')
})

test('a contact made again is remembered from then on', () => {
  const claims = fresh()
  claims.prove(idOf(2), 1, NOW)
  claims.prove(idOf(3), 1, NOW)
  claims.prove(idOf(2), 1, NOW)
  for (let n = 4; n < 67; n++) claims.prove(idOf(n), 1, NOW)
  assert.equal(claims.hear(claim(2), false, NOW), 'shown')
  assert.equal(claims.hear(claim(3), false, NOW), 'unproven')
})

test('a claim to the same generation with another address is handed out once', () => {
  const claims = holding(claim(2, 'alive', 3))
  const clone = claim(2, 'alive', 0, 1, { address: { host: 'clone', port: 1 } })
  claims.hear(claim(2, 'alive', 0, 2), false, NOW)
  assert.equal(claims.takeContested(idOf(2)), undefined)
  claims.hear(clone, false, NOW)
  assert.equal(claims.takeContested(idOf(2)), undefined)
  const later = { ...clone, generation: 2 }
  claims.hear(later, false, NOW)
  assert.equal(claims.takeContested(idOf(2)), later)
  assert.equal(claims.takeContested(idOf(2)), undefined)
})

test('helpers are drawn from the others that are alive, each once', () => {
  const claims = holding(claim(2), claim(3), claim(4), claim(5, 'suspect'), claim(6, 'dead'))
  claims.hear(claim(7), false, NOW)
  const seen = new Set<string>()
  for (let seed = 0; seed < 50; seed++) {
    const some = claims.someAlive(2, new Prng(seed), idOf(4))
    assert.equal(new Set(some).size, 2)
    for (const { info } of some) seen.add(info.id)
  }
  assert.deepEqual([...seen].sort(), [idOf(2), idOf(3)])
  assert.equal(claims.someAlive(9, new Prng(1)).length, 3)
  assert.equal(claims.shownRecords().length, 6)
})

test('room is made of the unproven, then of those who left, then of the dead, oldest first', () => {
  const forgotten: NodeId[] = []
  const claims = fresh(forgotten)
  claims.hear(claim(2, 'dead'), false, NOW)
  claims.hear(claim(3, 'dead'), false, NOW)
  claims.hear(claim(4, 'left'), false, NOW)
  claims.hear(claim(5, 'left'), false, NOW)
  claims.hear(claim(6), false, NOW)
  claims.hear(claim(6, 'alive', 0, 1, { address: { host: 'clone', port: 1 } }), false, NOW)
  for (let n = 7; n <= 1_024; n++) claims.hear(claim(n), true, NOW)
  for (let n = 2_000; n < 2_005; n++) assert.equal(claims.hear(claim(n), true, NOW), 'shown')
  assert.deepEqual(forgotten, [6, 4, 5, 2, 3].map(idOf))
  assert.equal(claims.hear(claim(3_000), true, NOW), 'ignored')
  assert.equal(claims.held(idOf(3_000)), undefined)
  assert.equal(claims.held(idOf(6)), undefined)
  assert.equal(claims.shown(idOf(2)), undefined)
  claims.check()
})

test('a node that leaves does not forget itself', () => {
  const claims = fresh()
  claims.setSelf(claim(1, 'left'))
  for (let n = 2; n <= 1_024; n++) claims.hear(claim(n), true, NOW)
  assert.equal(claims.hear(claim(2_000), true, NOW), 'ignored')
  assert.equal(told(claims.shown(idOf(1))), 'left 1.0')
  claims.check()
})

test('the dead take nobody’s room', () => {
  const claims = fresh()
  for (let n = 2; n <= 1_024; n++) claims.hear(claim(n), false, NOW)
  assert.equal(claims.hear(claim(2_000, 'dead'), true, NOW), 'ignored')
})

test('whatever is heard, greatest claims are held, nobody lives unproven, and the invariants stand', () => {
  const anyHearing = fc.record({
    n: fc.integer({ min: 2, max: 4 }),
    state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
    incarnation: fc.nat(3),
    generation: fc.nat(2),
    how: fc.constantFrom('relayed', 'own', 'vouch', 'prove'),
  })
  fc.assert(
    fc.property(fc.array(anyHearing, { maxLength: 40 }), (hearings) => {
      const claims = fresh()
      const greatest = new Map<NodeId, MemberRecord>()
      const proved = new Set<NodeId>()
      for (const { n, state, incarnation, generation, how } of hearings) {
        const id = idOf(n)
        if (how === 'relayed' || how === 'own') {
          const record = claim(n, state, incarnation, generation)
          claims.hear(record, how === 'own', NOW)
          const before = greatest.get(id)
          if (before === undefined || compareRecords(record, before) > 0) greatest.set(id, record)
        } else if (how === 'vouch') claims.vouch(id, generation)
        else claims.prove(id, generation, NOW)
        if (how !== 'relayed') proved.add(id)
        claims.check()
        assert.deepEqual(claims.held(id), greatest.get(id))
        const shown = claims.shown(id)
        if (shown !== undefined && isLive(shown)) assert.ok(proved.has(id))
      }
    }),
    { seed: 7, numRuns: 300 },
  )
})
