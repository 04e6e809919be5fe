import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import { StandIns } from './stand-ins.ts'

const node = (name: string): NodeId => name.repeat(16) as NodeId
const [A, B, C, D, E] = ['a', 'b', 'c', 'd', 'e'].map(node) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]

test('a fallback stands in for one replica only', () => {
  const standIns = new StandIns()
  assert.equal(standIns.ask(B, [D, E]), D)
  assert.equal(standIns.ask(C, [D, E]), E)
  assert.equal(standIns.answer(B, D, true), true)
  assert.equal(standIns.isKept(B) && standIns.isAsked(C), true)
  standIns.check(A)
})

test('who has failed is not asked again, and what it was asked for is open', () => {
  const standIns = new StandIns()
  assert.equal(standIns.ask(B, [D, E]), D)
  assert.equal(standIns.answer(B, D, false), true)
  assert.equal(standIns.has(B), false)
  assert.equal(standIns.ask(B, [D, E]), E)
  assert.equal(standIns.lost(E), B)
  assert.equal(standIns.lost(E), undefined)
  assert.equal(standIns.ask(B, [D, E]), undefined)
  standIns.keep(B, A)
  assert.equal(standIns.isKept(B), true)
  standIns.check(A)
})

test('an answer that was not asked for, or comes twice, changes nothing', () => {
  const standIns = new StandIns()
  assert.equal(standIns.answer(B, D, true), false)
  standIns.ask(B, [D])
  assert.equal(standIns.answer(C, D, true), false)
  assert.equal(standIns.answer(B, D, true), true)
  assert.equal(standIns.answer(B, D, false), false)
  assert.equal(standIns.isKept(B), true)
})

test('only so many fallbacks are asked for one write', () => {
  const standIns = new StandIns()
  const fallbacks = Array.from({ length: 20 }, (_, i) => node(String.fromCharCode(102 + i)))
  let asked = 0
  for (let keeper = standIns.ask(B, fallbacks); keeper !== undefined;) {
    asked++
    standIns.lost(keeper)
    keeper = standIns.ask(B, fallbacks)
  }
  assert.equal(asked, 6)
})
