/** Commands for a store beside a model of it: a map, in which every batch takes effect at once. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { StoreOperation } from '../../src/core/ports.ts'
import type { StoreHarness } from './store-harness.ts'
import { clear, del, put, range, text } from './store-harness.ts'

export interface StoreModel {
  /** By key, as binary text. */
  entries: Map<string, string>
}

type StoreCommand = fc.AsyncCommand<StoreModel, StoreHarness>

/** Few and similar keys, so that operations meet. */
const KEYS = ['a', 'a\x00', 'ab', 'b', 'b\xff', 'c', 'ca', 'd', 'e', '\xfe']
const KEY = fc.constantFrom(...KEYS)
const BOUND = fc.constantFrom('', 'a', 'a\x00', 'aa', 'b', 'bb', 'c', 'd', 'f', '\xff')
const OPERATION: fc.Arbitrary<StoreOperation> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(KEY, fc.string({ maxLength: 12 })).map(([k, v]) => put(k, v)) },
  { weight: 2, arbitrary: KEY.map(del) },
  { weight: 1, arbitrary: fc.tuple(BOUND, BOUND).map(([from, to]) => clear(from, to)) },
)

class Commit implements StoreCommand {
  readonly operations: StoreOperation[]

  constructor(operations: StoreOperation[]) {
    this.operations = operations
  }

  check(): boolean {
    return true
  }

  run(model: StoreModel, harness: StoreHarness): Promise<void> {
    harness.commit(...this.operations)
    for (const operation of this.operations) applyTo(model, operation)
    return Promise.resolve()
  }

  toString(): string {
    return `commit(${this.operations.map(describe).join(', ')})`
  }
}

class Read implements StoreCommand {
  readonly key: string

  constructor(key: string) {
    this.key = key
  }

  check(): boolean {
    return true
  }

  run(model: StoreModel, harness: StoreHarness): Promise<void> {
    assert.equal(harness.get(this.key), model.entries.get(this.key))
    return Promise.resolve()
  }

  toString(): string {
    return `get(${JSON.stringify(this.key)})`
  }
}

class Scan implements StoreCommand {
  readonly from: string
  readonly to: string
  readonly bounds: { readonly limit: number; readonly bytesMax: number; readonly reverse: boolean }

  constructor(from: string, to: string, bounds: Scan['bounds']) {
    this.from = from
    this.to = to
    this.bounds = bounds
  }

  check(): boolean {
    return true
  }

  async run(model: StoreModel, harness: StoreHarness): Promise<void> {
    const { from, to, bounds } = this
    const within = [...model.entries.keys()].filter((key) => key >= from && key < to).toSorted()
    const expected: string[] = []
    let size = 0
    for (const key of bounds.reverse ? within.toReversed() : within) {
      if (expected.length === bounds.limit || size >= bounds.bytesMax) break
      const value = model.entries.get(key)!
      expected.push(`${key}=${value}`)
      size += key.length + value.length
    }
    assert.deepEqual(await harness.scan(range(from, to, bounds)), expected)
  }

  toString(): string {
    return `scan(${JSON.stringify([this.from, this.to, this.bounds])})`
  }
}

/** An empty batch, waited for: all before it is durable. */
class Barrier implements StoreCommand {
  check(): boolean {
    return true
  }

  async run(model: StoreModel, harness: StoreHarness): Promise<void> {
    await harness.stored()
    for (const key of KEYS) assert.equal(harness.getDurable(key), model.entries.get(key))
  }

  toString(): string {
    return 'barrier'
  }
}

class Reopen implements StoreCommand {
  check(): boolean {
    return true
  }

  async run(_: StoreModel, harness: StoreHarness): Promise<void> {
    await harness.reopen()
  }

  toString(): string {
    return 'reopen'
  }
}

export function storeCommands(
  persistent: boolean,
): fc.Arbitrary<Iterable<fc.AsyncCommand<StoreModel, StoreHarness>>> {
  const commits = fc.array(OPERATION, { maxLength: 6 }).map((operations) => new Commit(operations))
  const scans = fc
    .tuple(BOUND, BOUND, fc.nat({ max: 6 }), fc.integer({ min: 1, max: 60 }), fc.boolean())
    .map(([from, to, limit, bytesMax, reverse]) => new Scan(from, to, { limit, bytesMax, reverse }))
  const kinds: fc.Arbitrary<StoreCommand>[] = [
    commits,
    commits,
    KEY.map((key) => new Read(key)),
    scans,
    fc.constant(new Barrier()),
  ]
  if (persistent) kinds.push(fc.constant(new Reopen()))
  return fc.commands(kinds, { maxCommands: 40 })
}

function applyTo(model: StoreModel, operation: StoreOperation): void {
  if (operation.type === 'put') model.entries.set(text(operation.key), text(operation.value))
  else if (operation.type === 'delete') model.entries.delete(text(operation.key))
  else
    for (const key of [...model.entries.keys()])
      if (key >= text(operation.from) && key < text(operation.to)) model.entries.delete(key)
}

function describe(operation: StoreOperation): string {
  if (operation.type === 'clear')
    return `clear ${JSON.stringify([text(operation.from), text(operation.to)])}`
  return `${operation.type} ${JSON.stringify(text(operation.key))}`
}
