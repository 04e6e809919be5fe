import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GetSuccess } from '../../src/core/node/events.ts'
import type { WatchRead, WatchResult } from '../../src/core/node/watch-asks.ts'
import { NOTHING_READ } from '../../src/core/node/watch-asks.ts'
import { Prng } from '../../src/core/std/prng.ts'
import type { Asked, MiniCluster, MiniNode } from '../support/mini-cluster.ts'
import {
  bytes,
  clusterOf,
  del,
  get,
  isSettled,
  list,
  put,
  putRequest,
} from '../support/mini-client.ts'

const text = (value: Uint8Array): string => Buffer.from(value).toString()

/** Reads as a client does: goes on by its token, on another node when its own is gone. */
class Reader {
  /** What was told, in order: `key=value`, or `key` alone when it was deleted. */
  readonly told: string[] = []
  gaps = 0
  readonly #cluster: MiniCluster
  readonly #rng: Prng
  #node: MiniNode | undefined
  #watcher = 0
  #token: Uint8Array | undefined
  #asked: Asked | undefined
  #read: WatchRead = NOTHING_READ

  constructor(cluster: MiniCluster, rng: Prng) {
    this.#cluster = cluster
    this.#rng = rng
  }

  /** The connection breaks. */
  drop(): void {
    this.#node = undefined
    this.#asked = undefined
    this.#read = NOTHING_READ
  }

  /** One round: opens, asks for the next, takes what is there. */
  step(): void {
    if (this.#node?.up !== true) return this.#open()
    if (this.#asked === undefined) {
      const ask = { what: 'next', watcher: this.#watcher, read: this.#read } as const
      this.#asked = this.#cluster.submit(this.#node, { type: 'watch', ask })
    }
    const { reply } = this.#asked
    if (reply === undefined) return
    this.#asked = undefined
    assert.ok(reply.type === 'watch')
    this.#take(reply.result)
  }

  #open(): void {
    this.drop()
    const up = this.#cluster.nodes.filter((node) => node.up && node.node.view().ready)
    const node = this.#rng.pick(up)
    const ask = { what: 'open', bucket: 'default', prefix: bytes(''), token: this.#token } as const
    const reply = this.#cluster.ask(node, { type: 'watch', ask })
    assert.ok(reply.type === 'watch' && reply.result.ok && reply.result.what === 'opened')
    this.#watcher = reply.result.watcher
    this.#node = node
  }

  #take(result: WatchResult): void {
    if (!result.ok) return this.drop()
    assert.ok(result.what === 'next')
    let bucketMs: number | undefined
    if (result.gap) {
      this.gaps++
      const { keys } = list(this.#cluster, this.#node!, { limit: 10_000 })
      const stamps = keys.map((key) => this.#tell(key).context?.stamp.ms ?? 0)
      bucketMs = Math.max(0, ...stamps)
    }
    const read: WatchRead['keys'][number][] = []
    for (const { key, sort, live, isStale } of result.changes) {
      const name = text(key)
      const [version] = live
      if (isStale) read.push({ key, sort, container: this.#tell(name).container })
      else this.told.push(version === undefined ? name : `${name}=${text(version.value!.bytes)}`)
    }
    this.#read = { keys: read, bucketMs }
    this.#token = result.token
  }

  #tell(key: string): GetSuccess {
    const result = get(this.#cluster, this.#node!, key)
    const [version] = result.live
    this.told.push(version === undefined ? key : `${key}=${text(version.value!.bytes)}`)
    return result
  }
}

function until(cluster: MiniCluster, reader: Reader, told: string): void {
  cluster.until(told, () => {
    reader.step()
    return reader.told.includes(told)
  })
}

test('whoever watches is told of each change, once, whoever took it', () => {
  const cluster = clusterOf(4)
  const reader = new Reader(cluster, new Prng(1))
  for (let i = 0; i < 50; i++) {
    reader.step()
    cluster.run(20)
  }
  for (let i = 0; i < 8; i++) assert.ok(put(cluster, cluster.nodes[i % 4]!, `k${i}`, `v${i}`).ok)
  for (let i = 0; i < 8; i++) until(cluster, reader, `k${i}=v${i}`)
  const { context } = get(cluster, cluster.nodes[0]!, 'k3')
  assert.ok(del(cluster, cluster.nodes[1]!, 'k3', { context }).ok)
  until(cluster, reader, 'k3')
  assert.equal(reader.told.length, 9, reader.told.join(' '))
  assert.equal(reader.gaps, 0)
})

for (const seed of [7, 8, 9])
  test(`a reader that reconnects at random, while nodes die, come back and join, is told of every acknowledged write (${seed})`, (t) => {
    const cluster = clusterOf(4)
    const rng = new Prng(seed)
    const reader = new Reader(cluster, rng)
    for (let i = 0; i < 50; i++) {
      reader.step()
      cluster.run(20)
    }
    const asked: { readonly name: string; readonly put: Asked }[] = []
    let down: MiniNode | undefined
    for (let i = 0; i < 600; i++) {
      const up = cluster.nodes.filter((node) => node.up && node.node.view().ready)
      const name = `k${i}=v${i}`
      asked.push({ name, put: cluster.submit(rng.pick(up), putRequest(`k${i}`, `v${i}`)) })
      if (rng.chance(0.05)) reader.drop()
      if (i % 150 === 40) {
        down = rng.pick(up)
        cluster.kill(down)
      }
      if (i % 150 === 100) cluster.restart(down!)
      if (i === 330) cluster.add()
      for (let turn = 0; turn < 4; turn++) {
        reader.step()
        cluster.run(rng.below(60))
      }
    }
    cluster.until('all are there', () => isSettled(cluster), 120_000)
    for (let i = 0; i < 200; i++) {
      reader.step()
      cluster.run(100)
    }
    const acknowledged = asked.filter(
      ({ put: { reply } }) => reply?.type === 'write' && reply.result.ok,
    )
    assert.ok(acknowledged.length > 400, `${acknowledged.length} were acknowledged`)
    const told = new Set(reader.told)
    const missed = acknowledged.filter(({ name }) => !told.has(name)).map(({ name }) => name)
    assert.deepEqual(missed, [], `${reader.gaps} gaps`)
    t.diagnostic(
      `${acknowledged.length} acknowledged, ${reader.told.length} told, ${reader.gaps} gaps`,
    )
  })
