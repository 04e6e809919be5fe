import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { VnodeId } from '../std/ids.ts'
import type { Version } from '../versions/version.ts'
import { HashTree } from './hash-tree.ts'
import { addToProof, beginProof, judge } from './transfer-proof.ts'

const key = (n: number): Uint8Array => Uint8Array.of(1, 0, n)
const versions = (counter: number): Version[] => [
  { dot: { vnode: 1 as VnodeId, counter }, stamp: { ms: 1, counter: 0 }, value: undefined },
]

function treeOf(records: readonly number[]): HashTree {
  const tree = new HashTree(16)
  for (const n of records) tree.change(key(n), [], versions(n + 1))
  return tree
}

const sets = fc.uniqueArray(fc.nat(40), { maxLength: 30 })

test('a stream is proven exactly when it has brought what the tree tells of', () => {
  fc.assert(
    fc.property(sets, sets, (held, brought) => {
      const root = treeOf(held).root()
      const proof = beginProof(root)
      for (const n of brought) addToProof(proof, key(n), versions(n + 1))
      const equal = held.toSorted().join() === brought.toSorted().join()
      assert.equal(judge(proof, root), equal ? 'proven' : 'differs')
    }),
    { seed: 1 },
  )
})

test('nothing is concluded when the partition has changed meanwhile', () => {
  const tree = treeOf([1, 2])
  const proof = beginProof(tree.root())
  addToProof(proof, key(1), versions(2))
  tree.change(key(3), [], versions(9))
  assert.equal(judge(proof, tree.root()), 'unknown')
})

test('nothing is concluded without a root at the beginning, or at the end', () => {
  assert.equal(judge(beginProof(undefined), treeOf([]).root()), 'unknown')
  assert.equal(judge(beginProof(treeOf([]).root()), undefined), 'unknown')
  assert.equal(judge(beginProof(Uint8Array.of(1)), Uint8Array.of(1)), 'unknown', 'no root')
})

test('nothing is concluded once a record could not be read', () => {
  const root = treeOf([1]).root()
  const proof = beginProof(root)
  addToProof(proof, key(1), undefined)
  assert.equal(judge(proof, root), 'unknown')
})
