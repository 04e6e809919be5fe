import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claim, infoOf, secretOf, told } from './harness.test.ts'
import { INCARNATION_MAX } from './member-order.ts'
import { OwnRecord } from './own-record.ts'

const fresh = (): OwnRecord => new OwnRecord(infoOf(1), 5)
const elsewhere = { address: { host: 'elsewhere', port: 1 } }

test('a node begins alive in incarnation 0 of its generation', () => {
  assert.deepEqual(fresh().record, claim(1, 'alive', 0, 5))
})

test('suspect, dead and left are overruled by the next incarnation', () => {
  for (const state of ['suspect', 'dead', 'left'] as const) {
    const own = fresh()
    assert.ok(own.refute(claim(1, state, 3, 5)))
    assert.equal(told(own.record), 'alive 5.4')
    assert.ok(!own.refute(claim(1, state, 3, 5)))
    assert.ok(own.refute(claim(1, state, 4, 5)))
  }
})

test('alive is overruled when it says more or something else than the node has said', () => {
  assert.ok(!fresh().refute(claim(1, 'alive', 0, 5)))
  assert.ok(fresh().refute(claim(1, 'alive', 1, 5)))
  assert.ok(fresh().refute(claim(1, 'alive', 0, 5, { zone: 'x' })))
  const own = fresh()
  own.refute(claim(1, 'dead', 0, 5))
  assert.ok(!own.refute(claim(1, 'alive', 0, 5, { zone: 'x' })))
})

test('claims about another generation are overruled by the order alone', () => {
  assert.ok(!fresh().refute(claim(1, 'dead', 9, 4)))
  assert.ok(!fresh().refute(claim(1, 'dead', 9, 6)))
})

test('a node that leaves overrules nothing', () => {
  const own = fresh()
  assert.ok(!own.isLeaving)
  own.leave(secretOf(1))
  assert.ok(own.isLeaving)
  assert.ok(!own.refute(claim(1, 'dead', 3, 5)))
  assert.equal(told(own.record), 'left 5.0')
})

test('a node that leaves gives its secret away, and not before', () => {
  const own = fresh()
  assert.equal(own.record.leaveProof, undefined)
  own.leave(secretOf(1))
  assert.deepEqual(own.record, claim(1, 'left', 0, 5))
})

test('a node that calls itself degraded, or no more, says one more each time', () => {
  const own = fresh()
  own.setDegraded(true)
  assert.deepEqual(own.record, { ...claim(1, 'alive', 1, 5), degraded: true })
  own.setDegraded(false)
  assert.deepEqual(own.record, claim(1, 'alive', 2, 5))
})

test('a degraded node that refutes, or leaves, is degraded still', () => {
  const own = fresh()
  own.setDegraded(true)
  assert.ok(own.refute(claim(1, 'dead', 4, 5)))
  assert.deepEqual(own.record, { ...claim(1, 'alive', 5, 5), degraded: true })
  own.leave(secretOf(1))
  assert.equal(own.record.degraded, true)
})

test('an incarnation that leaps is not overruled, so that it cannot use them up', () => {
  assert.ok(!fresh().refute(claim(1, 'dead', INCARNATION_MAX, 5)))
  assert.ok(!fresh().refute(claim(1, 'dead', 2 ** 20 + 1, 5)))
  assert.ok(fresh().refute(claim(1, 'dead', 2 ** 20, 5)))
})

test('its generation at another address is a clone, and its being alive is not overruled', () => {
  const own = fresh()
  assert.ok(own.revealsClone(claim(1, 'alive', 7, 5, elsewhere)))
  assert.ok(!own.refute(claim(1, 'alive', 7, 5, elsewhere)))
})

test('a death said of the clone is overruled, so that the original lives on when the clone is gone', () => {
  const own = fresh()
  assert.ok(own.refute(claim(1, 'dead', 7, 5, elsewhere)))
  assert.equal(told(own.record), 'alive 5.8')
  assert.deepEqual(own.record.info, infoOf(1))
})

test('a later generation is a clone wherever it is, an earlier one is our own past', () => {
  assert.ok(fresh().revealsClone(claim(1, 'alive', 0, 6)))
  assert.ok(!fresh().revealsClone(claim(1, 'alive', 0, 4, elsewhere)))
  assert.ok(!fresh().revealsClone(claim(1, 'dead', 3, 5)))
})

test('a clone shows itself as often as it is heard of', () => {
  const own = fresh()
  assert.ok(own.revealsClone(claim(1, 'alive', 0, 5, elsewhere)))
  assert.ok(own.revealsClone(claim(1, 'suspect', 1, 5, elsewhere)))
})

test('the same clone is reported once in a row, another one again', () => {
  const own = fresh()
  const third = { host: 'third', port: 1 }
  assert.ok(own.isNewClone(elsewhere.address, 5))
  assert.ok(!own.isNewClone({ ...elsewhere.address }, 5))
  assert.ok(own.isNewClone(elsewhere.address, 6), 'started again')
  assert.ok(own.isNewClone(third, 6))
  assert.ok(own.isNewClone(elsewhere.address, 6))
})
