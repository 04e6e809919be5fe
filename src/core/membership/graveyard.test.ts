import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Graveyard } from './graveyard.ts'
import { claim } from './harness.test.ts'

test('a grave covers what was known of its member and all that is older', () => {
  const graveyard = new Graveyard()
  const dead = claim(2, 'dead', 3, 2)
  graveyard.bury(dead)
  for (const old of [dead, claim(2, 'alive', 3, 2), claim(2, 'left', 2, 2), claim(2, 'left', 9, 1)])
    assert.equal(graveyard.covering(old), dead)
})

test('it covers nothing newer, and nobody else', () => {
  const graveyard = new Graveyard()
  graveyard.bury(claim(2, 'dead', 3, 2))
  for (const news of [claim(2, 'left', 3, 2), claim(2, 'alive', 4, 2), claim(2, 'alive', 0, 3)])
    assert.equal(graveyard.covering(news), undefined)
  assert.equal(graveyard.covering(claim(3)), undefined)
})

test('who is buried again has one grave, with the last word', () => {
  const graveyard = new Graveyard()
  graveyard.bury(claim(2, 'dead', 3))
  graveyard.bury(claim(2, 'dead', 5))
  assert.deepEqual(graveyard.covering(claim(2, 'alive', 5)), claim(2, 'dead', 5))
})

test('beyond 4096 graves the oldest goes', () => {
  const graveyard = new Graveyard()
  graveyard.bury(claim(1, 'dead'))
  graveyard.bury(claim(2, 'dead'))
  graveyard.bury(claim(1, 'dead'))
  for (let n = 3; n < 4_098; n++) graveyard.bury(claim(n, 'dead'))
  assert.equal(graveyard.covering(claim(2)), undefined)
  assert.ok(graveyard.covering(claim(1)) !== undefined)
  assert.ok(graveyard.covering(claim(4_097)) !== undefined)
})
