import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { claim, digest, idOf, secretOf, told } from './harness.test.ts'
import type { MemberRecord } from './member.ts'
import { digestOf } from './member-digest.ts'
import { MemberClaims } from './member-claims.ts'
import { compareRecords, isLive } from './member-order.ts'

const NOW = instant(0)
const REMEMBERED = 5_000

function fresh(forgotten: NodeId[] = []): MemberClaims {
  return new MemberClaims(claim(1), {
    digest,
    rememberedMs: REMEMBERED,
    forgotten: (id) => forgotten.push(id),
  })
}

/** With these heard as their members' own word. */
function holding(...records: readonly MemberRecord[]): MemberClaims {
  const claims = fresh()
  for (const record of records) hearOwn(claims, record)
  return claims
}

/** As its member's own word; who left was known before. */
function hearOwn(claims: MemberClaims, record: MemberRecord): void {
  if (record.state === 'left') claims.hear({ ...record, state: 'alive' }, true, NOW)
  claims.hear(record, true, NOW)
}

test('a relayed claim of life waits for proof, suspect as well as alive', () => {
  for (const state of ['alive', 'suspect'] as const) {
    const claims = fresh()
    assert.equal(claims.hear(claim(2, state), false, NOW), 'unproven')
    assert.ok(claims.isUnproven(idOf(2)))
    assert.deepEqual(claims.unproven(), [claim(2, state)])
    assert.equal(claims.shown(idOf(2)), undefined)
    assert.equal(claims.liveCount, 1)
    assert.ok(claims.vouch(idOf(2), 1, NOW))
    assert.equal(claims.shown(idOf(2))?.state, state)
    assert.equal(claims.liveCount, 2)
    assert.ok(!claims.vouch(idOf(2), 1, NOW))
    claims.check()
  }
})

test('a member’s own word and a death need no proof', () => {
  const claims = fresh()
  assert.equal(claims.hear(claim(2), true, NOW), 'shown')
  assert.equal(claims.hear(claim(3, 'dead'), false, NOW), 'shown')
  assert.equal(claims.liveCount, 2)
  assert.deepEqual(claims.unproven(), [])
})

suite('a leave', () => {
  const forged: MemberRecord = { ...claim(2, 'left'), leaveProof: secretOf(3) }
  const { leaveProof: _proof, ...bare } = claim(2, 'left')

  test('is believed of whoever tells it when its secret opens the lock that is known', () => {
    const claims = holding(claim(2))
    assert.equal(claims.hear(claim(2, 'left'), false, NOW), 'shown')
    assert.equal(told(claims.shown(idOf(2))), 'left 1.0')
    assert.equal(claims.liveCount, 1)
    claims.check()
  })

  test('that brings another secret or none is refused, also as the own word of its member', () => {
    for (const lie of [forged, bare, { ...forged, incarnation: 9 }])
      for (const vouched of [true, false]) {
        const claims = holding(claim(2))
        assert.equal(claims.hear(lie, vouched, NOW), 'refused')
        assert.equal(told(claims.held(idOf(2))), 'alive 1.0')
      }
  })

  test('cannot bring its own lock: that which is held decides', () => {
    const claims = holding(claim(2))
    const info = { ...claim(2).info, leaveLock: claim(3).info.leaveLock }
    assert.equal(claims.hear({ ...forged, info }, false, NOW), 'refused')
  })

  test('of a generation whose lock is not known makes nobody left', () => {
    const claims = holding(claim(2), claim(3, 'dead', 0, 2))
    claims.hear(claim(2, 'left', 0, 2), false, NOW)
    claims.hear(claim(3, 'left', 9, 1), false, NOW)
    claims.hear(claim(4, 'left'), false, NOW)
    assert.equal(told(claims.held(idOf(2))), 'alive 1.0')
    assert.equal(told(claims.held(idOf(3))), 'dead 2.0')
    assert.equal(claims.held(idOf(4)), undefined)
  })

  test('of a suspect or a dead member is news, for left is the greater word', () => {
    for (const state of ['suspect', 'dead'] as const) {
      const claims = holding(claim(2, state))
      assert.equal(claims.hear(claim(2, 'left'), false, NOW), 'shown')
      claims.check()
    }
  })

  test('of a lesser incarnation than is known passes by', () => {
    const claims = holding(claim(2, 'alive', 5))
    assert.equal(claims.hear(claim(2, 'left', 4), false, NOW), 'ignored')
    assert.equal(told(claims.shown(idOf(2))), 'alive 1.5')
  })

  test('opens nothing of the next generation, which has a lock of its own', () => {
    const claims = fresh()
    const leaveLock = claim(3).info.leaveLock
    claims.hear(claim(2, 'alive', 0, 2, { leaveLock }), true, NOW)
    assert.equal(claims.hear(claim(2, 'left', 0, 2), false, NOW), 'refused')
    assert.equal(told(claims.shown(idOf(2))), 'alive 2.0')
  })
})

test('proof is of one generation', () => {
  const claims = fresh()
  claims.hear(claim(2, 'alive', 0, 3), false, NOW)
  assert.ok(!claims.vouch(idOf(2), 2, NOW))
  assert.ok(!claims.vouch(idOf(2), 4, NOW))
  assert.ok(!claims.vouch(idOf(9), 3, NOW))
  assert.ok(claims.vouch(idOf(2), 3, NOW))
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
  hearOwn(claims, claim(4, 'left'))
  assert.equal(claims.hear(claim(4), false, NOW), 'ignored')
  claims.hear(claim(5, 'alive', 2), true, NOW)
  assert.equal(claims.hear(claim(5, 'alive', 1), false, NOW), 'ignored')
})

test('an implausible claim is refused', () => {
  const claims = holding(claim(2))
  assert.equal(claims.hear(claim(2, 'dead', 2 ** 21), true, NOW), 'refused')
  assert.equal(claims.hear(claim(3, 'dead', 2 ** 21), true, NOW), 'refused')
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

suite('memory', () => {
  const LONG = instant(REMEMBERED)

  test('of the dead and of those who left is kept for its time and then given up', () => {
    const forgotten: NodeId[] = []
    const claims = fresh(forgotten)
    for (const record of [claim(2), claim(3, 'dead'), claim(4, 'left')]) hearOwn(claims, record)
    claims.forgetOld(instant(REMEMBERED - 1))
    assert.deepEqual(forgotten, [])
    claims.forgetOld(LONG)
    assert.deepEqual(forgotten.sort(), [idOf(3), idOf(4)])
    assert.equal(claims.shown(idOf(3)), undefined)
    assert.equal(claims.held(idOf(4)), undefined)
    assert.equal(told(claims.shown(idOf(2))), 'alive 1.0')
    claims.check()
  })

  test('of a death begins with the death, and further words on it do not prolong it', () => {
    const claims = holding(claim(2))
    claims.hear(claim(2, 'dead'), false, instant(1_000))
    claims.hear(claim(2, 'dead', 7), false, instant(5_000))
    claims.forgetOld(instant(REMEMBERED + 999))
    assert.equal(told(claims.shown(idOf(2))), 'dead 1.7')
    claims.forgetOld(instant(REMEMBERED + 1_000))
    assert.equal(claims.shown(idOf(2)), undefined)
  })

  test('begins anew when one who was back dies again', () => {
    const claims = holding(claim(2, 'dead'))
    claims.hear(claim(2, 'alive', 1), true, instant(4_000))
    claims.hear(claim(2, 'dead', 1), false, instant(4_500))
    claims.forgetOld(instant(REMEMBERED + 4_499))
    assert.equal(told(claims.shown(idOf(2))), 'dead 1.1')
  })

  test('of whom the layout names is kept for ever, and given up when it names them no more', () => {
    const claims = holding(claim(2, 'dead'), claim(3, 'left'))
    claims.setLayout([idOf(1), idOf(2), idOf(3)])
    claims.forgetOld(instant(1e12))
    assert.equal(told(claims.shown(idOf(2))), 'dead 1.0')
    assert.equal(told(claims.shown(idOf(3))), 'left 1.0')
    claims.setLayout([idOf(1)])
    claims.forgetOld(instant(1e12))
    assert.equal(claims.shown(idOf(2)), undefined)
    assert.equal(claims.shown(idOf(3)), undefined)
  })

  test('of one who was never seen lasts a minute, unless the layout names it', () => {
    const forgotten: NodeId[] = []
    const claims = fresh(forgotten)
    claims.setLayout([idOf(3)])
    claims.hear(claim(2), false, NOW)
    claims.hear(claim(3), false, NOW)
    claims.hear(claim(2, 'alive', 1), false, instant(50_000))
    claims.forgetOld(instant(59_999))
    assert.deepEqual(forgotten, [])
    claims.forgetOld(instant(60_000))
    assert.deepEqual(forgotten, [idOf(2)])
    assert.equal(told(claims.held(idOf(3))), 'alive 1.0')
    assert.equal(claims.hear(claim(2), false, instant(60_001)), 'unproven')
    claims.check()
  })

  test('of a dead member is not given up early because a restart of it waits for proof', () => {
    const forgotten: NodeId[] = []
    const claims = new MemberClaims(claim(1), {
      ...{ digest, rememberedMs: 100_000 },
      forgotten: (id) => forgotten.push(id),
    })
    claims.hear(claim(2, 'dead'), false, NOW)
    claims.hear(claim(2, 'alive', 0, 2), false, NOW)
    claims.forgetOld(instant(99_999))
    assert.deepEqual(forgotten, [])
    claims.forgetOld(instant(100_000))
    assert.deepEqual(forgotten, [idOf(2)])
  })

  test('leaves a line by which the old claims of a laggard are known for old', () => {
    const claims = holding(claim(2, 'dead', 3))
    claims.forgetOld(LONG)
    for (const old of [
      claim(2),
      claim(2, 'alive', 3),
      claim(2, 'suspect', 3),
      claim(2, 'dead', 3),
    ]) {
      assert.equal(claims.hear(old, false, LONG), 'ignored')
      assert.equal(claims.held(idOf(2)), undefined)
    }
    assert.equal(claims.hear(claim(2, 'alive', 4), false, LONG), 'unproven')
  })

  test('comes back when the member itself speaks who was there all the time, so that it is told', () => {
    const claims = holding(claim(2, 'dead', 3))
    claims.forgetOld(LONG)
    assert.equal(claims.hear(claim(2, 'alive', 3), true, LONG), 'doubtful')
    assert.equal(told(claims.held(idOf(2))), 'dead 1.3')
    assert.equal(claims.hear(claim(2, 'alive', 4), true, LONG), 'shown')
    claims.check()
  })

  test('of an unproven restart does not keep that restart from being heard later', () => {
    const claims = holding(claim(2, 'dead'))
    claims.hear(claim(2, 'alive', 0, 2), false, NOW)
    claims.forgetOld(LONG)
    assert.equal(claims.hear(claim(2, 'alive', 0, 2), true, LONG), 'shown')
  })
})

suite('those who are missed', () => {
  test('are whom the layout names and of whom nothing is known', () => {
    const claims = holding(claim(2), claim(3, 'dead'))
    claims.hear(claim(4), false, NOW)
    claims.setLayout([1, 2, 3, 4, 5, 6].map(idOf))
    assert.deepEqual(claims.missing(), [idOf(5), idOf(6)])
  })

  test('are the dead, and not those who left', () => {
    const claims = holding(claim(2), claim(3, 'dead'), claim(4, 'left'))
    claims.hear(claim(5, 'dead'), false, instant(1_000))
    assert.deepEqual(claims.dead(), [claim(3, 'dead'), claim(5, 'dead')])
    assert.deepEqual(claims.deadSince(instant(1)), [claim(5, 'dead')])
    assert.deepEqual(claims.deadSince(instant(1_000)), [claim(5, 'dead')])
    assert.deepEqual(claims.deadSince(instant(1_001)), [])
  })

  test('are no more when they are back, or a restart of them has been proved', () => {
    const claims = holding(claim(2, 'dead'), claim(3, 'dead'))
    claims.hear(claim(2, 'alive', 1), true, NOW)
    claims.hear(claim(3, 'alive', 0, 2), false, NOW)
    assert.deepEqual(claims.dead(), [claim(3, 'dead')])
    claims.vouch(idOf(3), 2, NOW)
    assert.deepEqual(claims.dead(), [])
    claims.check()
  })
})

test('the digest is of the live whom the node stands for, itself included unless it left', () => {
  const claims = holding(claim(2), claim(3, 'suspect'), claim(4, 'dead'), claim(5, 'left'))
  claims.hear(claim(6), false, NOW)
  assert.equal(claims.digest, digestOf([claim(1), claim(2), claim(3, 'suspect')]))
  claims.setSelf(claim(1, 'left'))
  assert.equal(claims.digest, digestOf([claim(2), claim(3, 'suspect')]))
})

test('live ones are drawn from the others, suspects included', () => {
  const claims = holding(claim(2), claim(3, 'suspect'), claim(4, 'dead'))
  claims.hear(claim(5), false, NOW)
  const drawn = claims.someLive(9, new Prng(1)).map(({ info }) => info.id)
  assert.deepEqual(drawn.sort(), [idOf(2), idOf(3)])
})

test('room is made of the unproven, then of those who left, then of the dead, oldest first', () => {
  const forgotten: NodeId[] = []
  const claims = fresh(forgotten)
  claims.hear(claim(2, 'dead'), false, NOW)
  claims.hear(claim(3, 'dead'), false, NOW)
  hearOwn(claims, claim(4, 'left'))
  hearOwn(claims, claim(5, 'left'))
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
          const isBelieved = state !== 'left' || before?.generation === generation
          const isGreater = before === undefined || compareRecords(record, before) > 0
          if (isBelieved && isGreater) greatest.set(id, record)
        } else if (how === 'vouch') claims.vouch(id, generation, NOW)
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
