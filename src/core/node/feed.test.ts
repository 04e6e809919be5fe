import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PartitionId } from '../std/ids.ts'
import type { FeedChange } from './feed.ts'
import { Feed } from './feed.ts'

const change = (name: number, bytes = 10): FeedChange => ({
  ...{ partition: 0 as PartitionId, key: Uint8Array.of(name), base: new Uint8Array(0) },
  record: new Uint8Array(bytes),
})
const names = (changes: readonly FeedChange[]): number[] => changes.map(({ key }) => key[0]!)

function feedOf(count: number): Feed {
  const feed = new Feed(1)
  for (let i = 1; i <= count; i++) feed.append(change(i), i)
  feed.check()
  return feed
}

test('who asks for what came after a number gets it, in order, and once all', () => {
  const feed = feedOf(5)
  const { changes, last, isWhole } = feed.after(2, 1e6)
  assert.deepEqual([names(changes), last, isWhole], [[3, 4, 5], 5, true])
  assert.deepEqual(feed.after(5, 1e6), { changes: [], last: 5, nextMs: undefined, isWhole: true })
})

test('a page ends when it has its bytes, and has one change however large that is', () => {
  const feed = new Feed(1)
  for (let i = 1; i <= 4; i++) feed.append(change(i, i === 2 ? 100_000 : 10), i)
  const pages: number[][] = []
  for (let after = 0; after < feed.last;) {
    const page = feed.after(after, 500)
    pages.push(names(page.changes))
    after = page.last
  }
  assert.deepEqual(pages, [
    [1, 2],
    [3, 4],
  ])
})

test('what is forgotten is missed by who asks from before it, and by nobody else', () => {
  const feed = feedOf(3_000)
  for (let i = 0; i < 2_500; i++) feed.forgetOldest()
  feed.check()
  assert.equal(feed.size, 500)
  assert.equal(feed.after(2_499, 1e6).isWhole, false)
  const { changes, isWhole } = feed.after(2_500, 1e9)
  assert.deepEqual([isWhole, changes.length], [true, 500])
})

test('a number that the feed has not come to is not one of its numbers', () => {
  assert.equal(feedOf(3).after(4, 1e6).isWhole, false)
})

test('a feed that has forgotten all stands where it stood', () => {
  const feed = feedOf(2)
  for (let i = 0; i < 5; i++) feed.forgetOldest()
  assert.deepEqual([feed.size, feed.bytes, feed.last], [0, 0, 2])
  assert.deepEqual(feed.after(2, 100), { changes: [], last: 2, nextMs: undefined, isWhole: true })
})
