import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from './suggest.ts'

test('a slip of the hand finds the word that was meant', () => {
  const known = ['port', 'serverPort', 'data', 'zone']
  assert.equal(nearest('prot', known), 'port')
  assert.equal(nearest('porrt', known), 'port')
  assert.equal(nearest('serverport', known), 'serverPort')
  assert.equal(nearest('dta', known), 'data')
})

test('another word finds nothing', () => {
  assert.equal(nearest('colour', ['port', 'data']), undefined)
  assert.equal(nearest('x', ['port', 'data']), undefined)
  assert.equal(nearest('', ['port']), undefined)
})

test('of several near words the nearest is named', () => {
  assert.equal(nearest('zones', ['zonex', 'zone']), 'zonex')
  assert.equal(nearest('replicaz', ['replay', 'replicas']), 'replicas')
})
