import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { KeyringState } from './cluster-key.ts'
import { KEYS_MAX, REMOVALS_MAX } from './cluster-key.ts'
import {
  configured,
  digest,
  idOf,
  installed,
  keyring,
  removed,
  secretOf,
} from './key-fixture.test.ts'
import { confirmsKeys, installedKeys, KeyRing, mergeKeyrings, primaryOf } from './key-ring.ts'

/** Few keys and few stamps, so that ties and contradictions abound. */
const words = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.nat(5), fc.boolean())
  .map(([byte, ms, isInstalled]) => (isInstalled ? installed(byte, ms) : removed(byte, ms)))
const states: fc.Arbitrary<KeyringState> = fc
  .tuple(
    fc.uniqueArray(words, { selector: ({ id }) => id, maxLength: 6 }),
    fc.option(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.nat(5)), { nil: undefined }),
  )
  .map(([entries, primary]) => keyring(entries, primary))

suite('merging', () => {
  test('is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(states, states, states, (a, b, c) => {
        assert.deepEqual(mergeKeyrings(a, b), mergeKeyrings(b, a))
        assert.deepEqual(
          mergeKeyrings(mergeKeyrings(a, b), c),
          mergeKeyrings(a, mergeKeyrings(b, c)),
        )
        assert.deepEqual(mergeKeyrings(a, a), a)
      }),
      { seed: 7010, numRuns: 2000 },
    )
  })

  test('ends in the same ring on all nodes, in whatever order they hear of the changes', () => {
    const shuffled = fc
      .array(states, { minLength: 2, maxLength: 6 })
      .chain((list) =>
        fc.tuple(
          fc.constant(list),
          fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }),
        ),
      )
    const ringOf = (changes: readonly KeyringState[]): KeyringState => {
      const ring = new KeyRing(keyring([installed(9, 9)], [9, 0]), digest)
      for (const change of changes) ring.merge(change)
      ring.check()
      return ring.known
    }
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        assert.deepEqual(ringOf(list), ringOf(other))
        assert.equal(primaryOf(ringOf(list)), primaryOf(ringOf(other)))
      }),
      { seed: 7011, numRuns: 1000 },
    )
  })

  test('takes the later word, whether it installs or removes', () => {
    for (const [older, newer] of [
      [installed(1, 1), removed(1, 2)],
      [removed(1, 1), installed(1, 2)],
    ] as const)
      assert.deepEqual(mergeKeyrings(keyring([older]), keyring([newer])).entries, [newer])
  })

  test('takes the removal of two words with the same stamp', () => {
    const merged = mergeKeyrings(keyring([installed(1, 5)]), keyring([removed(1, 5)]))
    assert.deepEqual(merged.entries, [removed(1, 5)])
  })

  test('does not bring back a key that was removed while a node was away', () => {
    const ring = new KeyRing(keyring([removed(1, 5), installed(2, 4)], [2, 4]), digest)
    assert.ok(!ring.merge(configured(1)))
    assert.deepEqual(installedKeys(ring.known), [idOf(2)])
  })
})

suite('the primary', () => {
  test('is what was named last', () => {
    const both = [installed(1, 1), installed(2, 1)]
    const merged = mergeKeyrings(keyring(both, [2, 3]), keyring(both, [1, 4]))
    assert.equal(primaryOf(merged), idOf(1))
  })

  test('is the newest installed key when what was named is not installed', () => {
    assert.equal(primaryOf(keyring([installed(1, 1), installed(2, 3)], [3, 9])), idOf(2))
    assert.equal(
      primaryOf(keyring([removed(3, 9), installed(1, 2), installed(2, 1)], [3, 8])),
      idOf(1),
    )
    assert.equal(primaryOf(keyring([installed(1, 1)])), idOf(1))
  })

  test('is the one of the least id among equally new ones', () => {
    const ids = [1, 2, 3].map(idOf).toSorted()
    assert.equal(primaryOf(keyring([1, 2, 3].map((byte) => installed(byte, 4)))), ids[0])
  })

  test('is none in a ring without a key', () => {
    assert.equal(primaryOf(keyring([removed(1, 1)], [1, 1])), undefined)
  })
})

suite('bounds', () => {
  const many = (count: number, make: (byte: number) => ReturnType<typeof installed>) =>
    Array.from({ length: count }, (_, i) => make(i + 1))

  test('of too many installed keys the last one to come is dropped', () => {
    const full = keyring(many(KEYS_MAX, (byte) => installed(byte, byte)))
    const merged = mergeKeyrings(full, keyring([installed(100, 1000)]))
    assert.deepEqual(merged, full)
  })

  test('the primary stays however late it came', () => {
    const full = keyring(many(KEYS_MAX, (byte) => installed(byte, byte)))
    const merged = mergeKeyrings(full, keyring([installed(100, 1000)], [100, 1001]))
    assert.equal(installedKeys(merged).length, KEYS_MAX)
    assert.equal(primaryOf(merged), idOf(100))
    assert.ok(!installedKeys(merged).includes(idOf(KEYS_MAX)))
  })

  test('of too many removals the oldest is forgotten, and no installed key', () => {
    const removals = many(REMOVALS_MAX + 1, (byte) => removed(byte, 10 + byte))
    const merged = mergeKeyrings(configured(200), keyring(removals))
    assert.equal(merged.entries.length, REMOVALS_MAX + 1)
    assert.ok(!merged.entries.some(({ id }) => id === idOf(1)))
    assert.deepEqual(installedKeys(merged), [idOf(200)])
  })
})

suite('a ring', () => {
  test('says whether a merge has brought anything', () => {
    const ring = new KeyRing(configured(1), digest)
    assert.ok(ring.merge(keyring([installed(2, 1)])))
    assert.ok(!ring.merge(keyring([installed(2, 1)])))
    assert.ok(!ring.merge(keyring([])))
    assert.ok(ring.merge(keyring([], [2, 2])))
    assert.ok(!ring.merge(keyring([], [2, 2])))
  })

  test('tells others only what is durable', () => {
    const ring = new KeyRing(configured(1), digest)
    ring.merge(keyring([installed(2, 1)]))
    const storing = ring.known
    assert.deepEqual(ring.durable, configured(1))
    ring.merge(keyring([installed(3, 1)]))
    ring.stored(storing)
    assert.deepEqual(installedKeys(ring.durable), [idOf(1), idOf(2)].toSorted())
    ring.rollBack()
    assert.deepEqual(ring.known, storing)
  })

  test('leaves out a secret that goes under the id of another', () => {
    const ring = new KeyRing(configured(1), digest)
    const forged = { ...installed(2, 5), secret: secretOf(3) }
    assert.ok(!ring.merge(keyring([forged])))
    assert.deepEqual(ring.known, configured(1))
  })

  test('is never left without a key', () => {
    const ring = new KeyRing(configured(1), digest)
    assert.ok(!ring.merge(keyring([removed(1, 5)])))
    assert.equal(primaryOf(ring.known), idOf(1))
  })

  test('knows its greatest stamp, which a new word must be above', () => {
    const ring = new KeyRing(keyring([installed(1, 3), removed(2, 7)], [1, 5]), digest)
    assert.equal(ring.greatestStamp.ms, 7)
    ring.merge(keyring([], [1, 9]))
    assert.equal(ring.greatestStamp.ms, 9)
  })
})

test('a ring confirms a change when it knows at least that much', () => {
  const change = keyring([installed(2, 5)], [2, 6])
  assert.ok(confirmsKeys(keyring([installed(2, 5)], [2, 6]), change))
  assert.ok(confirmsKeys(keyring([removed(2, 9)], [1, 7]), change))
  assert.ok(!confirmsKeys(keyring([installed(2, 4)], [2, 6]), change))
  assert.ok(!confirmsKeys(keyring([installed(2, 5)], [2, 5]), change))
  assert.ok(!confirmsKeys(keyring([installed(2, 5)]), change))
  assert.ok(!confirmsKeys(keyring([], [2, 6]), change))
  assert.ok(confirmsKeys(configured(1), keyring([])))
})
