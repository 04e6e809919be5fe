import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nameOf, OrderedMap } from './ordered-map.ts'

function walked(map: OrderedMap<number>, from: string, to: string, back = false): string[] {
  const names: string[] = []
  const visit = (name: string, value: number): boolean => {
    assert.equal(map.get(name), value)
    names.push(name)
    return true
  }
  if (back) map.walkBack(from, to, visit)
  else map.walk(from, to, visit)
  return names
}

test('the name of bytes has a character for each of them, and sorts as they do', () => {
  assert.equal(nameOf(Uint8Array.of(0, 65, 255)), '\0A\xff')
  assert.equal(nameOf(new Uint8Array(0)), '')
  assert.equal(nameOf(Uint8Array.of(1, 2, 3).subarray(1)), '\x02\x03')
  assert.ok(nameOf(Uint8Array.of(127)) < nameOf(Uint8Array.of(128)))
  assert.ok(nameOf(Uint8Array.of(1)) < nameOf(Uint8Array.of(1, 0)))
})

test('an empty map has nothing to walk', () => {
  const map = new OrderedMap<number>()
  assert.deepEqual(walked(map, '', '\xff'), [])
  assert.deepEqual(walked(map, '', '\xff', true), [])
  map.delete('a')
  assert.equal(map.size, 0)
})

test('a walk ends where the visitor wants', () => {
  const map = new OrderedMap<number>()
  for (const name of ['b', 'd', 'a', 'c']) map.set(name, 1)
  const seen: string[] = []
  map.walk('a', 'z', (name) => seen.push(name) < 2)
  map.walkBack('a', 'z', (name) => seen.push(name) < 4)
  assert.deepEqual(seen, ['a', 'b', 'd', 'c'])
})

test('thousands of keys in any order stay in order, through insertion, change and removal', () => {
  const map = new OrderedMap<number>()
  const names = Array.from({ length: 5000 }, (_, i) => `k${(i * 7919) % 5000}`)
  names.forEach((name, i) => map.set(name, i))
  names.forEach((name, i) => map.set(name, i + 1))
  assert.equal(map.size, 5000)
  assert.deepEqual(map.names(), names.toSorted())
  assert.deepEqual(
    walked(map, 'k2', 'k3'),
    names.toSorted().filter((name) => name >= 'k2' && name < 'k3'),
  )
  for (const name of names.slice(0, 4990)) map.delete(name)
  assert.deepEqual(walked(map, '', '\xff', true), names.slice(4990).toSorted().toReversed())
  for (const name of names) map.delete(name)
  assert.deepEqual(map.names(), [])
  map.set('again', 1)
  assert.deepEqual(map.names(), ['again'])
})

test('it is a map whose keys are walked in order, whatever is done to it', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '\0', '\xff'), maxLength: 3 })
  const step = fc.tuple(fc.constantFrom('set', 'delete', 'walk'), name, name)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const map = new OrderedMap<number>()
      const model = new Map<string, number>()
      steps.forEach(([what, a, b], i) => {
        if (what === 'set') {
          map.set(a, i)
          model.set(a, i)
        } else if (what === 'delete') {
          map.delete(a)
          model.delete(a)
        } else {
          const expected = [...model.keys()].filter((key) => key >= a && key < b).toSorted()
          assert.deepEqual(walked(map, a, b), expected)
          assert.deepEqual(walked(map, a, b, true), expected.toReversed())
        }
        assert.equal(map.size, model.size)
      })
    }),
    { seed: 1, numRuns: 200 },
  )
})
