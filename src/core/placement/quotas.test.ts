import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeId } from '../std/ids.ts'
import type { Role } from './layout.ts'
import { quotasOf, spreadOverZones } from './quotas.ts'

const role = (n: number, zone: string, weight = 1): Role => ({
  node: n.toString(16).padStart(16, '0') as NodeId,
  zone,
  weight,
})

/** Roles from a compact picture: one array of weights for each zone. */
function rolesOf(zones: Record<string, readonly number[]>): Role[] {
  return Object.entries(zones)
    .flatMap(([zone, weights]) => weights.map((weight) => ({ zone, weight })))
    .map(({ zone, weight }, n) => role(n, zone, weight))
}

function quotas(
  roles: readonly Role[],
  size: number,
  partitions: number,
  held?: number[],
): number[] {
  const zones = spreadOverZones(roles, size)
  return quotasOf(roles, zones, size, partitions, [held ?? roles.map(() => 0)])
}

const bounds = (roles: readonly Role[], size: number): string[] =>
  spreadOverZones(roles, size).map(({ name, least, most }) => `${name}:${least}-${most}`)

test('a set takes one node of each zone as long as there are enough zones', () => {
  assert.deepEqual(bounds(rolesOf({ a: [1, 1], b: [1], c: [1, 1, 1] }), 3), [
    'a:0-1',
    'b:0-1',
    'c:0-1',
  ])
  assert.deepEqual(bounds(rolesOf({ a: [1], b: [1], c: [1], d: [1] }), 3).length, 4)
})

test('with fewer zones than replicas each zone gives one before any gives two', () => {
  assert.deepEqual(bounds(rolesOf({ a: [1, 1], b: [1, 1] }), 3), ['a:1-2', 'b:1-2'])
  assert.deepEqual(bounds(rolesOf({ a: [1, 1, 1, 1, 1], b: [1] }), 3), ['a:1-2', 'b:1-1'])
  assert.deepEqual(bounds(rolesOf({ a: [1, 1, 1] }), 3), ['a:2-3'])
})

test('a zone whose nodes all weigh nothing is no zone', () => {
  assert.deepEqual(bounds(rolesOf({ a: [1, 1, 1], b: [0, 0] }), 3), ['a:2-3'])
})

test('equal nodes hold equally many, and the rest goes one each', () => {
  assert.deepEqual(quotas(rolesOf({ a: [1, 1, 1, 1] }), 3, 8), [6, 6, 6, 6])
  assert.deepEqual(quotas(rolesOf({ a: [1, 1, 1, 1, 1] }), 3, 8), [5, 5, 5, 5, 4])
})

test('of those who hold as much the one more goes to those who held it before', () => {
  const roles = rolesOf({ a: [1, 1, 1, 1, 1] })
  const zones = spreadOverZones(roles, 3)
  const quotasAfter = (before: number[]): number[] =>
    quotasOf(roles, zones, 3, 8, [[4, 4, 4, 4, 5], before])
  assert.deepEqual(quotasAfter([5, 5, 4, 5, 5]), [5, 5, 4, 5, 5])
  assert.deepEqual(quotasAfter([4, 5, 5, 5, 5]), [4, 5, 5, 5, 5])
})

test('the one more goes to those who hold it already', () => {
  const roles = rolesOf({ a: [1, 1, 1, 1, 1] })
  assert.deepEqual(quotas(roles, 3, 8, [4, 5, 5, 5, 5]), [4, 5, 5, 5, 5])
  assert.deepEqual(quotas(roles, 3, 8, [5, 6, 4, 6, 0]), [5, 5, 5, 5, 4])
})

test('among those who hold it, the one more goes to the greater fraction', () => {
  // 4 replicas over weights 3, 2, 2: shares 1.71, 1.14, 1.14.
  assert.deepEqual(quotas(rolesOf({ a: [3, 2, 2] }), 1, 4), [2, 1, 1])
  assert.deepEqual(quotas(rolesOf({ a: [3, 2, 2] }), 1, 4, [1, 1, 2]), [1, 1, 2])
})

test('nodes hold in proportion to their weight', () => {
  assert.deepEqual(quotas(rolesOf({ a: [1, 2, 5] }), 1, 16), [2, 4, 10])
  assert.deepEqual(quotas(rolesOf({ a: [1000, 0, 1000] }), 1, 16), [8, 0, 8])
})

test('what a heavy node cannot take, at most every partition, goes to the others by weight', () => {
  assert.deepEqual(quotas(rolesOf({ a: [100, 1, 2, 1] }), 2, 16), [16, 4, 8, 4])
})

test('zones that must all give hold alike whatever their weight', () => {
  assert.deepEqual(quotas(rolesOf({ a: [1000], b: [1], c: [1, 3] }), 3, 16), [16, 16, 4, 12])
})

test('with more zones than replicas zones hold by weight', () => {
  assert.deepEqual(quotas(rolesOf({ a: [2], b: [1], c: [1] }), 2, 16), [16, 8, 8])
  assert.deepEqual(quotas(rolesOf({ a: [9], b: [1], c: [2] }), 2, 12), [12, 4, 8])
})

test('a zone with a lower bound takes what its weight alone would not give it', () => {
  assert.deepEqual(
    quotas(rolesOf({ a: [100, 100], b: [100, 100], c: [1] }), 4, 10),
    [8, 7, 8, 7, 10],
  )
})

test('zones and nodes both round from exact shares', () => {
  // Shares of 10.5 for each node and 31.5 for each zone: nobody gets 10 or 11 from a zone rounded
  // twice.
  const roles = rolesOf({ a: [1, 1, 1], b: [1, 1, 1], c: [1, 1, 1], d: [1, 1, 1] })
  const result = quotas(roles, 2, 63)
  assert.deepEqual([...new Set(result)].sort(), [10, 11])
  assert.equal(
    result.reduce((a, b) => a + b),
    126,
  )
})

const anyRoles = fc
  .array(fc.record({ zone: fc.constantFrom('a', 'b', 'c', 'd', 'e'), weight: fc.nat(1000) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((items) => items.map(({ zone, weight }, n) => role(n, zone, weight)))
  .filter((roles) => roles.some(({ weight }) => weight > 0))

const anyProblem = fc
  .tuple(anyRoles, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 8 }))
  .map(([roles, replicas, bits]) => {
    const holders = roles.filter(({ weight }) => weight > 0).length
    return { roles, size: Math.min(replicas, holders), partitions: 1 << bits }
  })

test('quotas sum to what is to be placed, and no bound of a node or a zone is broken', () => {
  fc.assert(
    fc.property(anyProblem, ({ roles, size, partitions }) => {
      const zones = spreadOverZones(roles, size)
      const result = quotas(roles, size, partitions)
      assert.equal(
        result.reduce((a, b) => a + b),
        size * partitions,
      )
      result.forEach((quota, n) => {
        assert.ok(quota >= 0 && quota <= partitions)
        if (roles[n]!.weight === 0) assert.equal(quota, 0)
      })
      for (const zone of zones) {
        const total = zone.nodes.reduce((sum, n) => sum + result[n]!, 0)
        assert.ok(total >= zone.least * partitions && total <= zone.most * partitions)
        assert.ok(zone.most <= zone.nodes.length)
      }
    }),
    { seed: 11, numRuns: 1000 },
  )
})

test('within a zone nobody holds less than a lighter node, and below the cap all by weight', () => {
  fc.assert(
    fc.property(anyProblem, ({ roles, size, partitions }) => {
      const result = quotas(roles, size, partitions)
      for (const { nodes } of spreadOverZones(roles, size)) {
        for (const a of nodes) {
          for (const b of nodes) {
            if (roles[a]!.weight < roles[b]!.weight) assert.ok(result[a]! <= result[b]! + 1)
            if (result[a]! >= partitions - 1 || result[b]! >= partitions - 1) continue
            // Both are their share rounded: shares stand as the weights do.
            const ratio = roles[a]!.weight / roles[b]!.weight
            assert.ok((result[a]! - 1) / (result[b]! + 1) <= ratio, `${result[a]} ${result[b]}`)
          }
        }
      }
    }),
    { seed: 12, numRuns: 1000 },
  )
})

test('in one zone every quota is the exact share rounded down or up', () => {
  fc.assert(
    fc.property(anyProblem, ({ roles, size, partitions }) => {
      const flat = roles.map((old) => ({ ...old, zone: '' }))
      const result = quotas(flat, size, partitions)
      // The exact shares by repeated filling in floating point, which is good enough to compare
      // with.
      let free = flat.map((_, n) => n)
      const share = new Array<number>(flat.length).fill(0)
      let rest = size * partitions
      for (;;) {
        const weight = free.reduce((sum, n) => sum + flat[n]!.weight, 0)
        const capped = free.filter((n) => (rest * flat[n]!.weight) / weight > partitions)
        if (capped.length === 0) {
          for (const n of free) share[n] = weight === 0 ? 0 : (rest * flat[n]!.weight) / weight
          break
        }
        for (const n of capped) share[n] = partitions
        rest -= capped.length * partitions
        free = free.filter((n) => !capped.includes(n))
      }
      result.forEach((quota, n) => assert.ok(Math.abs(quota - share[n]!) < 1 + 1e-9))
    }),
    { seed: 13, numRuns: 1000 },
  )
})

test('what is held as the quotas say stays so', () => {
  fc.assert(
    fc.property(anyProblem, ({ roles, size, partitions }) => {
      const first = quotas(roles, size, partitions)
      assert.deepEqual(quotas(roles, size, partitions, first), first)
    }),
    { seed: 14, numRuns: 500 },
  )
})

test('the largest cluster stays within exact integers', () => {
  const roles = Array.from({ length: 1024 }, (_, n) => role(n, `z${n % 3}`, 1000 - (n % 7)))
  const result = quotas(roles, 7, 4096)
  assert.equal(
    result.reduce((a, b) => a + b),
    7 * 4096,
  )
})
