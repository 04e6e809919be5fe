/**
 * Short random walks: requests among kills, restarts, cuts, stalls, joins and failing disks. A walk
 * ends with everything mended, and then three things must hold. Every request to a node that lived
 * on has had exactly one answer. Every write that was acknowledged is there. No write that was said
 * to be rejected is.
 *
 * The values go into a bucket that keeps siblings, without contexts, so that none may ever
 * disappear.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeView } from '../../src/core/node/view.ts'
import { Prng } from '../../src/core/std/prng.ts'
import {
  clusterOf,
  configure,
  deleteRequest,
  get,
  getRequest,
  isSettled,
  listRequest,
  putRequest,
  texts,
} from '../support/mini-client.ts'
import type { Asked, MiniCluster, MiniNode } from '../support/mini-cluster.ts'

const SEEDS = 50
const STEPS = 60
const KEYS = 6
const NODES_MAX = 5
const BUCKET = 'keep'

interface Put {
  readonly key: string
  readonly value: string
  readonly asked: Asked
}

class Walk {
  readonly cluster: MiniCluster
  readonly puts: Put[] = []
  readonly #rng: Prng

  constructor(seed: number) {
    this.#rng = new Prng(seed)
    this.cluster = clusterOf(3)
    const configured = configure(this.cluster, this.cluster.nodes[0]!, BUCKET, {
      conflicts: 'siblings',
    })
    assert.ok(configured.ok)
  }

  step(): void {
    const rng = this.#rng
    const { cluster } = this
    const { nodes } = cluster
    const up = nodes.filter((node) => node.up)
    const die = rng.below(100)
    if (die < 35) this.#put(rng.pick(up))
    else if (die < 45) this.#ask(rng.pick(up))
    else if (die < 50 && up.length > 1) cluster.kill(rng.pick(up))
    else if (die < 60) this.#revive()
    else if (die < 65) cluster.separate([rng.pick(nodes)], [rng.pick(nodes)])
    else if (die < 68) cluster.stall(rng.pick(nodes), rng.pick(nodes))
    else if (die < 74) cluster.heal()
    else if (die < 80) this.#spoilDisk(rng.pick(up))
    else if (die < 82 && nodes.length < NODES_MAX) cluster.add({ seeds: [0, 1] })
    cluster.run(rng.chance(0.1) ? rng.below(8_000) : rng.below(40))
    for (const { node, up: isUp } of nodes) if (isUp) assertSane(node.view())
  }

  /** Everything is mended, and has time to become one again. */
  end(): void {
    const { cluster } = this
    cluster.heal()
    for (const node of cluster.nodes) {
      node.takes = () => true
      node.scansFail = false
      cluster.releaseDisk(node)
      if (!node.up) cluster.restart(node)
    }
    cluster.until('one complete layout everywhere', () => isSettled(cluster), 300_000)
    const isSeen = ({ node }: MiniNode): boolean =>
      node.view().members.every(({ state }) => state === 'alive')
    cluster.until('all are seen by all', () => cluster.nodes.every(isSeen), 120_000)
    cluster.run(10_000)
  }

  #put(node: MiniNode): void {
    const rng = this.#rng
    const key = `key-${rng.below(KEYS)}`
    const value = `${this.puts.length}`
    const options = { bucket: BUCKET, timeoutMs: 2_000, w: rng.chance(0.1) ? 3 : undefined }
    const asked = this.cluster.submit(node, putRequest(key, value, options))
    this.puts.push({ key, value, asked })
  }

  #ask(node: MiniNode): void {
    const rng = this.#rng
    const key = `key-${rng.below(KEYS)}`
    const requests = [
      getRequest(key, { bucket: BUCKET, timeoutMs: 2_000 }),
      getRequest(key, { bucket: BUCKET, timeoutMs: 2_000, r: 1 }),
      listRequest({ bucket: BUCKET, limit: 3, timeoutMs: 2_000 }),
      deleteRequest(key, { timeoutMs: 2_000 }),
      putRequest(key, 'x', { timeoutMs: 2_000 }),
    ]
    this.cluster.submit(node, rng.pick(requests))
  }

  #revive(): void {
    const down = this.cluster.nodes.filter(({ up }) => !up)
    if (down.length > 0) this.cluster.restart(this.#rng.pick(down))
  }

  #spoilDisk(node: MiniNode): void {
    const rng = this.#rng
    switch (rng.below(4)) {
      case 0:
        node.takes = () => !rng.chance(0.3)
        break
      case 1:
        node.scansFail = !node.scansFail
        break
      case 2:
        if (node.hangs) this.cluster.releaseDisk(node)
        else node.hangs = true
        break
      default:
        node.takes = () => true
    }
  }
}

function assertSane(view: NodeView): void {
  const { partitions, layout, members, self } = view
  assert.ok(partitions.allUp <= partitions.withQuorum && partitions.withQuorum <= partitions.total)
  assert.ok(Number.isSafeInteger(view.inFlight) && view.inFlight >= 0)
  assert.ok(view.transfers.pending >= 0 && view.transfers.pending <= partitions.total)
  assert.ok(members.includes(self))
  const ids = members.map(({ info }) => info.id)
  assert.deepEqual(ids, [...new Set(ids)].sort())
  assert.equal(partitions.total, layout?.current.partitions ?? 0)
  if (view.ready) assert.ok(layout !== undefined)
  const roles = layout?.current.roles.map(({ node }) => node) ?? []
  assert.ok(layout?.synced.every((node) => roles.includes(node)) ?? true)
}

/** What was acknowledged is there, from every node, and what was rejected is not. */
function assertKept(cluster: MiniCluster, puts: readonly Put[]): void {
  for (const node of cluster.nodes) {
    for (let i = 0; i < KEYS; i++) {
      const key = `key-${i}`
      const found = texts(get(cluster, node, key, { bucket: BUCKET }))
      for (const { value, asked } of puts.filter((each) => each.key === key)) {
        const result = asked.reply?.result
        if (result?.ok === true)
          assert.ok(found.includes(value), `${key}: ${value} was acknowledged`)
        if (result?.ok === false && result.outcome === 'rejected')
          assert.ok(!found.includes(value), `${key}: ${value} was rejected`)
      }
    }
  }
}

test('whatever happens, every request has one answer, and the answers are true', () => {
  const outcomes = { acknowledged: 0, rejected: 0, unknown: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const walk = new Walk(seed)
      for (let step = 0; step < STEPS; step++) walk.step()
      walk.end()
      assert.equal(walk.cluster.unanswered().length, 0)
      assertKept(walk.cluster, walk.puts)
      for (const { asked } of walk.puts) {
        const result = asked.reply?.result
        if (result?.ok === true) outcomes.acknowledged++
        else outcomes[result?.outcome ?? 'unknown']++
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      throw new Error(`seed ${seed}: ${message}`, { cause: error })
    }
  }
  // Walks in which nothing succeeds, or nothing fails, would show nothing.
  assert.ok(outcomes.acknowledged > 300, `${outcomes.acknowledged} acknowledged`)
  assert.ok(outcomes.rejected > 50, `${outcomes.rejected} rejected`)
  assert.ok(outcomes.unknown > 50, `${outcomes.unknown} unknown`)
})
