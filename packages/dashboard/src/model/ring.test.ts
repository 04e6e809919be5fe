import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { arcPath, arcsOf, circles, marksOf, partitionAt, RING_SIZE, slotsOf } from './ring.ts'

const CENTRE = RING_SIZE / 2
const table = (partitions: number): string[][] =>
  Array.from({ length: partitions }, (_, i) => [`n${i % 4}`, `n${(i + 1) % 4}`, `n${(i + 2) % 4}`])

test('circles lie inside each other, the first outermost and widest', () => {
  for (const places of [1, 2, 3, 5, 7]) {
    const all = circles(places)
    assert.equal(all.length, places)
    for (const [i, { inner, outer }] of all.entries()) {
      assert(inner < outer)
      if (i > 0) assert(outer < all[i - 1]!.inner)
      assert(inner > 80, 'there is room for words in the middle')
    }
    if (places > 1) assert(all[0]!.outer - all[0]!.inner > all[1]!.outer - all[1]!.inner)
  }
})

test('each replica of each partition has an arc of its own, in the colour of its node', () => {
  const arcs = arcsOf(table(256))
  assert.equal(arcs.length, 768)
  assert.deepEqual(
    arcs.filter(({ partition }) => partition === 5).map(({ place, node }) => [place, node]),
    [
      [0, 'n1'],
      [1, 'n2'],
      [2, 'n3'],
    ],
  )
})

test('of very many partitions neighbours of one owner are drawn as one', () => {
  const arcs = arcsOf(Array.from({ length: 4096 }, (_, i) => [i < 1024 ? 'a' : 'b']))
  assert.deepEqual(
    arcs.map(({ partition, count, node }) => [partition, count, node]),
    [
      [0, 1024, 'a'],
      [1024, 3072, 'b'],
    ],
  )
})

test('replica sets of different sizes leave gaps in the inner circles', () => {
  assert.deepEqual(
    arcsOf([['a', 'b'], ['a']]).map(({ partition, place }) => [place, partition]),
    [
      [0, 0],
      [0, 1],
      [1, 0],
    ],
  )
})

test('a path goes clockwise from the top, and a whole turn is drawn too', () => {
  assert.match(
    arcPath(100, 120, 0, 0.25),
    /^M220 100A120 120 0 0 1 340 220L320 220A100 100 0 0 0 220 120Z$/,
  )
  assert.equal(arcPath(100, 120, 0, 1).match(/M/g)?.length, 2)
  assert.equal(marksOf([0, 7], 16).length, 2)
})

test('the partition under the pointer is the one that is drawn there', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 2 }),
      (partition, place) => {
        const { inner, outer } = circles(3)[place]!
        const angle = ((partition + 0.5) / 256) * 2 * Math.PI
        const radius = (inner + outer) / 2
        const [x, y] = [CENTRE + radius * Math.sin(angle), CENTRE - radius * Math.cos(angle)]
        assert.equal(partitionAt(x, y, 256, 3), partition)
      },
    ),
    { seed: 7 },
  )
  assert.equal(partitionAt(CENTRE, CENTRE, 256, 3), undefined, 'the middle')
  assert.equal(partitionAt(1, 1, 256, 3), undefined, 'a corner')
  assert.equal(partitionAt(CENTRE, 20, 0, 0), undefined, 'no layout')
})

test('slots are cut evenly', () => {
  assert.deepEqual(slotsOf(0, 256), [0, 63])
  assert.deepEqual(slotsOf(255, 256), [16_320, 16_383])
})
