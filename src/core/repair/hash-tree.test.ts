import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter, utf8Encode } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import { HASH_BYTES } from '../std/hash64.ts'
import type { VnodeId } from '../std/ids.ts'
import type { Version } from '../versions/version.ts'
import { hashKey, HashTree, LEAVES_TOTAL, leafOf, leavesOf } from './hash-tree.ts'

const LEAVES = 512

function versions(...dots: readonly (readonly [vnode: number, counter: number])[]): Version[] {
  return dots.map(([vnode, counter]) => ({
    dot: { vnode: vnode as VnodeId, counter },
    stamp: { ms: 1, counter: 0 },
    value: undefined,
  }))
}

const key = (n: number): Uint8Array => utf8Encode(`key ${n}`)

/** The nodes of the last level that differ, found by going down as an exchange does. */
function descend(a: HashTree, b: HashTree): { leaves: number[]; hashes: number } {
  let nodes = [0]
  let hashes = 0
  for (let level = 0; level < a.depth; level++) {
    const below = a.hashesBelow(level, nodes)
    hashes += below.length / HASH_BYTES
    nodes = b.differing(level, nodes, below)!
  }
  return { leaves: nodes, hashes }
}

suite('a hash tree', () => {
  test('says the same whatever order its records came in and however often they changed', () => {
    const changes = fc.array(fc.tuple(fc.nat(20), fc.nat(3)), { maxLength: 60 })
    fc.assert(
      fc.property(changes, fc.constantFrom(1, 2, 16, 32, LEAVES), (list, leaves) => {
        const kept = new HashTree(leaves)
        const records = new Map<number, Version[]>()
        for (const [n, counter] of list) {
          const after = counter === 0 ? [] : versions([7, counter])
          kept.change(key(n), records.get(n) ?? [], after)
          records.set(n, after)
        }
        kept.check()
        const fresh = new HashTree(leaves)
        for (const [n, after] of [...records].toReversed()) fresh.change(key(n), [], after)
        assert.ok(kept.equals(fresh))
        assert.deepEqual(kept.root(), fresh.root())
      }),
      { seed: 1 },
    )
  })

  test('changes with each dot and not with what a version says', () => {
    const tree = new HashTree(LEAVES)
    const empty = tree.root()
    const seen = new Set<string>()
    for (const held of [
      versions([1, 1]),
      versions([1, 2]),
      versions([2, 1]),
      versions([1, 2 ** 32 + 1]),
      versions([2 ** 40, 1]),
      versions([1, 1], [2, 1]),
      versions([1, 1], [1, 2]),
    ]) {
      tree.change(key(1), [], held)
      seen.add(tree.root().join())
      tree.change(
        key(1),
        held.map((version) => ({ ...version, stamp: { ms: 9, counter: 9 } })),
        [],
      )
      assert.deepEqual(tree.root(), empty)
    }
    assert.equal(seen.size, 7)
  })

  test('takes a record without versions for none', () => {
    const tree = new HashTree(LEAVES)
    tree.change(key(1), [], [])
    assert.deepEqual(tree.root(), new Uint8Array(HASH_BYTES))
  })

  test('leads to just the leaves of the keys that differ', () => {
    const numbers = fc.uniqueArray(fc.nat(300), { maxLength: 12 })
    fc.assert(
      fc.property(numbers, numbers, fc.constantFrom(2, 16, 64, LEAVES), (onlyA, onlyB, leaves) => {
        const a = new HashTree(leaves)
        const b = new HashTree(leaves)
        for (let n = 0; n < 300; n++) {
          a.change(key(n), [], versions(onlyA.includes(n) ? [8, 1] : [7, 1]))
          b.change(key(n), [], versions(onlyB.includes(n) ? [9, 1] : [7, 1]))
        }
        const expected = new Set(
          [...onlyA, ...onlyB]
            .filter((n) => n < 300)
            .map((n) => {
              return leafOf(hashKey(key(n)), leaves)
            }),
        )
        assert.deepEqual(
          descend(a, b).leaves,
          [...expected].toSorted((x, y) => x - y),
        )
      }),
      { seed: 1 },
    )
  })

  test('of 4,096 leaves needs 48 hashes for one key', () => {
    const a = new HashTree(4096)
    const b = new HashTree(4096)
    for (let n = 0; n < 5000; n++)
      for (const tree of [a, b]) tree.change(key(n), [], versions([7, n + 1]))
    b.change(key(17), versions([7, 18]), versions([8, 1]))
    const found = descend(a, b)
    assert.deepEqual(found.leaves, [leafOf(hashKey(key(17)), 4096)])
    assert.equal(found.hashes, 48)
  })

  test('refuses what no tree of its size says of its nodes', () => {
    const tree = new HashTree(LEAVES)
    const hashes = tree.hashesBelow(1, [0, 1])
    assert.deepEqual(tree.differing(1, [0, 1], hashes), [])
    assert.equal(tree.differing(1, [1, 0], hashes), undefined)
    assert.equal(tree.differing(1, [0, 0], hashes), undefined)
    assert.equal(tree.differing(1, [0, 2], hashes), undefined)
    assert.equal(tree.differing(1, [0], hashes), undefined)
    assert.equal(tree.differing(1, [0, 1], hashes.subarray(1)), undefined)
    assert.equal(tree.differing(tree.depth, [0], hashes), undefined)
    assert.equal(tree.differing(200, [0], hashes), undefined)
  })

  test('is in the store what it was, in few bytes when it has few keys', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(100)),
        fc.constantFrom(1, 16, LEAVES),
        (numbers, leaves) => {
          const tree = new HashTree(leaves)
          for (const n of numbers) tree.change(key(n), [], versions([7, n + 1]))
          const bytes = tree.encode(crc32)
          assert.ok(bytes.length <= 20 + numbers.length * 10)
          const read = HashTree.decode(bytes, leaves, crc32)
          read?.check()
          assert.ok(read?.equals(tree))
        },
      ),
      { seed: 1 },
    )
  })

  test('knows about how much its records are, whichever way they came about', () => {
    const value = { bytes: new Uint8Array(100), contentType: 'a/b', metadata: [], expiresAtMs: 0 }
    const [small] = versions([7, 1])
    const large = [{ ...versions([7, 2])[0]!, value }]
    const tree = new HashTree(LEAVES)
    assert.deepEqual(tree.size, { records: 0, bytes: 0 })
    tree.change(key(1), [], [small!])
    const one = tree.size!
    assert.equal(one.records, 1)
    tree.change(key(1), [small!], large)
    tree.change(key(2), [], large)
    assert.equal(tree.size!.records, 2)
    const grown = tree.size!.bytes
    assert.ok(grown > 200 + one.bytes && grown < 400, `${grown} bytes`)
    const read = HashTree.decode(tree.encode(crc32), LEAVES, crc32)!
    assert.deepEqual(read.size, tree.size)
    tree.change(key(1), large, [])
    tree.change(key(2), large, [])
    assert.deepEqual(tree.size, { records: 0, bytes: 0 })
  })

  test('that an older version has written down does not know it, until it is walked', () => {
    const writer = new ByteWriter()
    // Format 1, the checksum, 16 leaves, none of which has an entry.
    for (const byte of [1, 0, 0, 0, 0, 16, 0]) writer.u8(byte)
    writer.patchU32(1, crc32(writer.view().subarray(5)))
    const old = HashTree.decode(writer.take(), 16, crc32)!
    assert.equal(old.size, undefined)
    const again = HashTree.decode(old.encode(crc32), 16, crc32)!
    assert.equal(again.size, undefined)
    again.resize(new HashTree(16))
    assert.deepEqual(again.size, { records: 0, bytes: 0 })
  })

  test('that broke in the store, or has another size, is none', () => {
    const tree = new HashTree(LEAVES)
    for (let n = 0; n < 9; n++) tree.change(key(n), [], versions([7, 1]))
    const bytes = tree.encode(crc32)
    assert.equal(HashTree.decode(bytes, LEAVES / 2, crc32), undefined)
    for (let i = 0; i < bytes.length; i++) {
      const broken = bytes.slice()
      broken[i]! ^= 0x10
      assert.equal(HashTree.decode(broken, LEAVES, crc32), undefined)
      assert.equal(HashTree.decode(bytes.subarray(0, i), LEAVES, crc32), undefined)
    }
    fc.assert(
      fc.property(fc.uint8Array(), (noise) => {
        assert.equal(HashTree.decode(noise, LEAVES, crc32), undefined)
      }),
      { seed: 1 },
    )
  })

  test('has a million leaves over all partitions', () => {
    for (const partitions of [1, 8, 64, 256, 4096])
      assert.equal(leavesOf(partitions) * partitions, LEAVES_TOTAL)
  })

  test('spreads keys evenly over its leaves', () => {
    const counts = new Uint32Array(64)
    for (let n = 0; n < 64_000; n++) counts[leafOf(hashKey(key(n)), 64)]!++
    for (const count of counts) assert.ok(count > 850 && count < 1150, `${count} keys in a leaf`)
  })
})
