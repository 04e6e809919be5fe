/**
 * The stores, below everything else: what a durable put costs in CPU with few and many writers, a
 * get, a scan, and the disk.
 *
 *   node dist/bench/store.js [--stores lmdb,memory] [--keys N] [--value BYTES] [--seconds N]
 *       [--rounds N] [--json FILE]
 *
 * Every store and round runs in a process and a folder of its own, the stores in turn; the table
 * shows medians. CPU is that of the whole process, all its threads, so that work put off
 * (compaction) counts as far as it falls into the time measured. Throughput depends on the disk's
 * fsync of the hour: compare CPU.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { LmdbStore } from '../src/adapters/lmdb/lmdb-store.ts'
import { MemoryStore } from '../src/adapters/memory/memory-store.ts'
import type { StoreEntry } from '../src/core/ports.ts'
import { Prng } from '../src/core/std/prng.ts'
import type { Store, StoreListener } from '../src/runtime/ports.ts'

const WRITERS = [1, 32, 256]
const LOAD_BATCH = 1000
const GETS = 200_000

interface Options {
  readonly keys: number
  readonly valueBytes: number
  readonly seconds: number
}

/** What was measured, by name. */
type Figures = Record<string, number>

class Caller implements StoreListener {
  #waiting = new Map<number, () => void>()

  wait(number: number, done: () => void): void {
    this.#waiting.set(number, done)
  }

  stored(batch: number): void {
    const done = this.#waiting.get(batch)
    this.#waiting.delete(batch)
    done?.()
  }

  storeFailed(batch: number, reason: string): void {
    throw new Error(`batch ${batch}: ${reason}`)
  }

  scanned(scan: number, ranges: readonly (readonly StoreEntry[])[]): void {
    this.found = ranges[0]!.length
    this.stored(scan)
  }

  scanFailed(scan: number, reason: string): void {
    throw new Error(`scan ${scan}: ${reason}`)
  }

  /** Entries of the last scan. */
  found = 0
}

class Run {
  readonly #store: Store
  readonly #caller: Caller
  readonly #options: Options
  readonly #dice = new Prng(1)
  #batch = 0

  constructor(store: Store, caller: Caller, options: Options) {
    this.#store = store
    this.#caller = caller
    this.#options = options
  }

  async load(): Promise<Figures> {
    const begin = process.cpuUsage()
    for (let first = 0; first < this.#options.keys; first += LOAD_BATCH) {
      await new Promise<void>((done) => {
        const operations = Array.from({ length: LOAD_BATCH }, (_, i) => this.#put(first + i))
        this.#caller.wait(++this.#batch, done)
        this.#store.commit(this.#batch, operations)
      })
    }
    return { 'load, CPU µs per put': cpuMicros(begin) / this.#options.keys }
  }

  /** Writers that each wait until their put is durable. */
  async puts(writers: number): Promise<Figures> {
    const cpu = process.cpuUsage()
    const begin = performance.now()
    const end = begin + this.#options.seconds * 1000
    let count = 0
    const write = async (): Promise<void> => {
      while (performance.now() < end) {
        await new Promise<void>((done) => {
          const operation = this.#put(this.#dice.below(this.#options.keys))
          this.#caller.wait(++this.#batch, done)
          this.#store.commit(this.#batch, [operation])
        })
        count++
      }
    }
    await Promise.all(Array.from({ length: writers }, write))
    const name = `put, ${writers} ${writers === 1 ? 'writer' : 'writers'}`
    return {
      [`${name}, CPU µs`]: cpuMicros(cpu) / count,
      [`${name}, per second`]: (count * 1000) / (performance.now() - begin),
    }
  }

  async gets(): Promise<Figures> {
    const keys = Array.from({ length: GETS }, () => keyOf(this.#dice.below(this.#options.keys)))
    const cpu = process.cpuUsage()
    for (let i = 0; i < keys.length; i++) {
      if (!(this.#store.get(keys[i]!) instanceof Uint8Array)) throw new Error('a key is missing')
      if (i % 1000 === 999) await new Promise((resolve) => setImmediate(resolve))
    }
    return { 'get, CPU µs': cpuMicros(cpu) / keys.length }
  }

  async scan(): Promise<Figures> {
    const cpu = process.cpuUsage()
    await new Promise<void>((done) => {
      const bounds = { limit: 1e9, bytesMax: 1e12, reverse: false }
      const range = { from: new Uint8Array(0), to: Uint8Array.of(255), ...bounds }
      this.#caller.wait(++this.#batch, done)
      this.#store.scan(this.#batch, [range])
    })
    return { 'scan, CPU µs per entry': cpuMicros(cpu) / this.#caller.found }
  }

  #put(index: number): { type: 'put'; key: Uint8Array; value: Uint8Array } {
    const value = new Uint8Array(this.#options.valueBytes)
    // Half of it noise, so that compression finds as much as in ordinary data.
    for (let i = 0; i < value.length / 2; i += 4) {
      const noise = this.#dice.u32()
      for (let b = 0; b < 4; b++) value[i + b] = noise >> (8 * b)
    }
    return { type: 'put', key: keyOf(index), value }
  }
}

/** A key as long as the node's own usually are, in no order that the index has. */
function keyOf(index: number): Uint8Array {
  const key = new Uint8Array(40).fill(0x61)
  const scattered = Math.imul(index, 0x9e37_79b1) >>> 0
  for (let b = 0; b < 4; b++) {
    key[3 + b] = scattered >> (24 - 8 * b)
    key[36 + b] = index >> (24 - 8 * b)
  }
  return key
}

function cpuMicros(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return user + system
}

function diskBytes(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name)
    return sum + (entry.isDirectory() ? diskBytes(path) : statSync(path).blocks * 512)
  }, 0)
}

async function openStore(name: string, path: string, listener: StoreListener): Promise<Store> {
  if (name === 'lmdb') return LmdbStore.open({ path, listener })
  if (name === 'memory') return MemoryStore.open({ listener })
  throw new Error(`no store is called ${name}: lmdb and memory are`)
}

async function measure(name: string, options: Options): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-bench-store-'))
  try {
    const caller = new Caller()
    const store = await openStore(name, folder, caller)
    const run = new Run(store, caller, options)
    const figures: Figures = await run.load()
    for (const writers of WRITERS) Object.assign(figures, await run.puts(writers))
    Object.assign(figures, await run.gets(), await run.scan())
    figures['memory of the process, MB'] = process.memoryUsage.rss() / 1e6
    await store.close()
    figures['disk, bytes per key'] = diskBytes(folder) / options.keys
    const begin = performance.now()
    const again = await openStore(name, folder, caller)
    figures['open again, ms'] = performance.now() - begin
    await again.close()
    return figures
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function inOwnProcess(name: string, options: Options): Figures {
  const args = [fileURLToPath(import.meta.url), '--measure', name, '--options']
  const run = spawnSync(process.execPath, [...args, JSON.stringify(options)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (run.status !== 0) throw new Error(`the measurement of ${name} failed`)
  return JSON.parse(run.stdout) as Figures
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

function compare(names: readonly string[], options: Options, rounds: number): void {
  const runs = new Map<string, Figures[]>(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const name of names) runs.get(name)!.push(inOwnProcess(name, options))
  const table = new Table({ head: ['', ...names], style: { head: [], border: [] } })
  const result: Record<string, Figures> = Object.fromEntries(names.map((name) => [name, {}]))
  for (const figure of Object.keys(runs.get(names[0]!)![0]!)) {
    const row = names.map((name) => {
      const value = median(runs.get(name)!.map((figures) => figures[figure]!))
      result[name]![figure] = value
      return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
    })
    table.push([figure, ...row])
  }
  process.stdout.write(`${table.toString()}\n`)
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ options, rounds, result }, undefined, 2)}\n`)
}

const { values } = parseArgs({
  options: {
    stores: { type: 'string', default: 'lmdb' },
    keys: { type: 'string', default: '200000' },
    value: { type: 'string', default: '150' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
    measure: { type: 'string' },
    options: { type: 'string' },
  },
})
if (values.measure !== undefined) {
  const figures = await measure(values.measure, JSON.parse(values.options!) as Options)
  process.stdout.write(JSON.stringify(figures))
} else {
  const options = {
    keys: Number(values.keys),
    valueBytes: Number(values.value),
    seconds: Number(values.seconds),
  }
  compare(values.stores.split(','), options, Number(values.rounds))
}
