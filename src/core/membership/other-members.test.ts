import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Prng } from '../std/prng.ts'
import { claim, idOf } from './harness.test.ts'
import { OtherMembers } from './other-members.ts'

const anybody = (): boolean => true

function membersUpTo(count: number): OtherMembers {
  const members = new OtherMembers()
  for (let n = 1; n <= count; n++) members.set(claim(n))
  return members
}

test('whoever is set or deleted, in whatever order, exactly those who are there are drawn', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(9), fc.boolean()), { maxLength: 60 }),
      fc.nat(),
      (changes, seed) => {
        const members = new OtherMembers()
        const expected = new Set<string>()
        for (const [n, isThere] of changes) {
          if (isThere) members.set(claim(n))
          else members.delete(idOf(n))
          if (isThere) expected.add(idOf(n))
          else expected.delete(idOf(n))
          members.check()
          assert.equal(members.size, expected.size)
        }
        const drawn = members.draw(99, new Prng(seed), anybody).map(({ info }) => info.id)
        assert.deepEqual(drawn.sort(), [...expected].sort())
      },
    ),
    { seed: 16 },
  )
})

test('the last record that was set of a member is the one that is drawn', () => {
  const members = membersUpTo(3)
  members.set(claim(2, 'suspect', 4))
  const drawn = members.draw(9, new Prng(1), anybody)
  assert.deepEqual(
    drawn.filter(({ info }) => info.id === idOf(2)),
    [claim(2, 'suspect', 4)],
  )
})

for (const count of [4, 16, 17, 500]) {
  test(`of ${count}, each draw has no one twice, and in the end everybody has been drawn`, () => {
    const members = membersUpTo(count)
    const seen = new Set<string>()
    for (let seed = 0; seed < 20 * count; seed++) {
      const drawn = members.draw(3, new Prng(seed), anybody)
      assert.equal(drawn.length, 3)
      assert.equal(new Set(drawn).size, 3)
      for (const { info } of drawn) seen.add(info.id)
    }
    assert.equal(seen.size, count)
  })
}

test('only those who are wanted are drawn, and all of them when they are few of a few', () => {
  const members = membersUpTo(16)
  const isWanted = ({ info }: { info: { name: string } }): boolean => info.name === 'node7'
  assert.deepEqual(members.draw(3, new Prng(1), isWanted), [claim(7)])
  const none = membersUpTo(500).draw(3, new Prng(1), () => false)
  assert.deepEqual(none, [])
})

test('of nobody nobody is drawn', () => {
  assert.deepEqual(new OtherMembers().draw(3, new Prng(1), anybody), [])
})
