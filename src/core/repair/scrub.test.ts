import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { VnodeId } from '../std/ids.ts'
import { cut } from '../ports.ts'
import type { ScanRange, StoreEntry } from '../ports.ts'
import { encodeRecord } from '../versions/record.ts'
import type { Version } from '../versions/version.ts'
import { HashTree } from './hash-tree.ts'
import { CHANGED_MAX, Scrub, SCRUB_RECORDS_MAX } from './scrub.ts'
import type { ScrubEffect } from './scrub.ts'

const SEED = 11
const LEAVES = 64
const FROM = Uint8Array.of(1)
const TO = Uint8Array.of(2)

const keyOf = (number: number): Uint8Array => Uint8Array.of(1, number >> 8, number & 0xff)

function versionOf(counter: number): Version {
  const value = {
    ...{ bytes: Uint8Array.of(counter & 0xff), contentType: 'text/plain', metadata: [] },
    expiresAtMs: 0,
  }
  return { dot: { vnode: 7 as VnodeId, counter }, stamp: { ms: counter, counter: 0 }, value }
}

function recordOf(counter: number): Uint8Array {
  const vector = [{ vnode: 7 as VnodeId, counter }]
  return encodeRecord({ versions: [versionOf(counter)], vector }, crc32)
}

/** A partition whose changes become durable in order, when told; a counter of 0 is no record. */
class Disk {
  /** What was handed over, and what is durable. */
  readonly held = new Map<number, number>()
  readonly durable = new Map<number, number>()
  readonly waiting: { readonly key: number; readonly counter: number }[] = []
  readonly broken = new Set<number>()
  #counter = 0

  /** Hands over a change; what was there before, and what is from now on. */
  change(
    key: number,
    isDelete: boolean,
  ): { before: readonly Version[]; after: readonly Version[] } {
    const before = this.versions(key)
    const counter = isDelete ? 0 : ++this.#counter
    this.held.set(key, counter)
    this.waiting.push({ key, counter })
    return { before, after: this.versions(key) }
  }

  sync(most = Number.POSITIVE_INFINITY): void {
    for (const { key, counter } of this.waiting.splice(0, most)) this.durable.set(key, counter)
  }

  versions(key: number): readonly Version[] {
    const counter = this.held.get(key) ?? 0
    return counter === 0 ? [] : [versionOf(counter)]
  }

  scan(range: ScanRange): StoreEntry[] {
    const entries: StoreEntry[] = []
    for (const [number, counter] of this.durable) {
      const key = keyOf(number)
      if (counter === 0 || compareBytes(key, range.from) < 0) continue
      if (compareBytes(key, range.to) >= 0) continue
      const value = this.broken.has(number) ? Uint8Array.of(9, 9, 9, 9, 9, 9) : recordOf(counter)
      entries.push({ key, value })
    }
    return cut(
      range,
      entries.sort((a, b) => compareBytes(a.key, b.key)),
    )
  }

  tree(): HashTree {
    const tree = new HashTree(LEAVES)
    for (const key of this.held.keys())
      if (!this.broken.has(key)) tree.change(keyOf(key), [], this.versions(key))
    return tree
  }
}

class Walk {
  readonly disk: Disk
  readonly effects: ScrubEffect[] = []
  readonly broken: Uint8Array[] = []
  readonly scrub: Scrub
  ended: Extract<ScrubEffect, { type: 'done' }> | undefined

  constructor(disk: Disk) {
    this.disk = disk
    this.scrub = new Scrub({
      ...{ range: { from: FROM, to: TO }, tree: new HashTree(LEAVES), checksum: crc32 },
      versionsOf: (key) => disk.versions((key[1]! << 8) | key[2]!),
    })
    this.scrub.step({ type: 'start' }, this.effects)
  }

  change(key: number, isDelete = false): void {
    const { before, after } = this.disk.change(key, isDelete)
    this.scrub.step({ type: 'changed', key: keyOf(key), before, after }, this.effects)
    this.scrub.check()
  }

  /** Answers what it asked for; `scan` may be given a disk that refuses it. */
  advance(refuses: (range: ScanRange) => boolean = () => false): ScrubEffect | undefined {
    const effect = this.effects.shift()
    switch (effect?.type) {
      case 'barrier':
        this.disk.sync()
        this.scrub.step({ type: 'settled' }, this.effects)
        break
      case 'wait':
        this.scrub.step({ type: 'go' }, this.effects)
        break
      case 'scan':
        if (refuses(effect.range)) this.scrub.step({ type: 'scan-failed' }, this.effects)
        else
          this.scrub.step({ type: 'scanned', entries: this.disk.scan(effect.range) }, this.effects)
        break
      case 'broken':
        this.broken.push(effect.key)
        break
      case 'done':
      case undefined:
    }
    this.scrub.check()
    // Whoever runs it takes the end at once, before anything else can change.
    const end = this.effects.at(-1)
    if (end?.type === 'done') this.ended = end
    return effect
  }

  finish(refuses?: (range: ScanRange) => boolean): void {
    while (this.ended === undefined) assert(this.advance(refuses), 'it stands still')
    while (this.effects.length > 0) this.advance()
  }
}

test('the tree of a walk is that of what was handed over, whatever changes meanwhile', () => {
  const change = fc.record({
    key: fc.integer({ min: 0, max: 1_500 }),
    isDelete: fc.boolean(),
    then: fc.constantFrom('nothing', 'sync', 'advance'),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1_500 }),
      fc.array(change, { maxLength: 60 }),
      (keys, changes) => {
        const disk = new Disk()
        for (let key = 0; key < keys; key++) disk.change(key, false)
        disk.sync(keys - 3)
        const walk = new Walk(disk)
        for (const { key, isDelete, then } of changes) {
          if (walk.ended === undefined) walk.change(key, isDelete)
          if (then === 'sync') disk.sync(1)
          if (then === 'advance') walk.advance()
        }
        walk.finish()
        assert(walk.ended?.tree?.equals(disk.tree()), `${keys} keys`)
      },
    ),
    { seed: SEED, numRuns: 60 },
  )
})

test('each scan waits for leave, and takes so many records at most', () => {
  const disk = new Disk()
  for (let key = 0; key < 2 * SCRUB_RECORDS_MAX + 1; key++) disk.change(key, false)
  const walk = new Walk(disk)
  const asked: string[] = []
  while (walk.ended === undefined) asked.push(walk.advance()!.type)
  assert.deepEqual(asked, ['barrier', 'wait', 'scan', 'wait', 'scan', 'wait', 'scan'])
  assert.equal(walk.ended.records, 2 * SCRUB_RECORDS_MAX + 1)
})

test('a record that does not read as it was written is told, and left out', () => {
  const disk = new Disk()
  for (let key = 0; key < 10; key++) disk.change(key, false)
  disk.broken.add(4)
  const walk = new Walk(disk)
  walk.finish()
  assert.deepEqual(walk.broken, [keyOf(4)])
  assert(walk.ended?.tree?.equals(disk.tree()))
})

test('a scan that fails is made smaller, and one of a single record ends the walk', () => {
  const disk = new Disk()
  for (let key = 0; key < 100; key++) disk.change(key, false)
  const walk = new Walk(disk)
  walk.finish((range) => range.limit > 8)
  assert(walk.ended?.tree?.equals(disk.tree()))
  const dead = new Walk(disk)
  dead.finish(() => true)
  assert.equal(dead.ended?.tree, undefined)
})

test('a partition that changes faster than it is walked is given up', () => {
  const walk = new Walk(new Disk())
  const nothing: readonly Version[] = []
  for (let i = 0; i <= CHANGED_MAX; i++) {
    const key = Uint8Array.of(1, i >> 16, (i >> 8) & 0xff, i & 0xff)
    walk.scrub.step({ type: 'changed', key, before: nothing, after: nothing }, walk.effects)
  }
  assert.equal(walk.effects.at(-1)?.type, 'done')
  walk.scrub.check()
})
