/**
 * Whether the store kept its promises in a world that an app has lived in. First everything is made
 * well: directions open, nodes up, and the cluster has some time to become whole. Then each key
 * that the app ever named is read through every node with r = n, which also mends what is stale;
 * and when all has come to rest, the simulator's checkers judge what the app saw, the last reads
 * and the disks.
 */
import type { GetSuccess } from '../../src/core/node/events.ts'
import { partitionOf, slotOf } from '../../src/core/placement/slot.ts'
import { ALL_CHECKERS } from '../checkers/all.ts'
import type { Evidence, FinalRead } from '../checkers/evidence.ts'
import { collectCopies, readUntilAnswered } from '../scenarios/inspect.ts'
import type { SimNode } from '../sim-node.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import type { World } from '../world.ts'
import type { Book, KnownKey } from './book.ts'
import { nameValues } from './book.ts'

/** All of the world's time, milliseconds. */
const HEAL_LIMIT_MS = 180_000
const MEND_LIMIT_MS = 60_000
const READ_TIMEOUT_MS = 5_000
const READ_LIMIT_MS = 10_000
const REST_MS = 2_000
const REST_LIMIT_MS = 30_000
const LOOK_EVERY_MS = 50

/** The first broken invariant; undefined: all hold. The world is expected to be healed already. */
export function judge(world: World, book: Book, replicas: number): Violation | undefined {
  const whole = (): boolean => world.whatIsMissing() === undefined
  if (!world.run(HEAL_LIMIT_MS, whole, LOOK_EVERY_MS))
    return stuck(world, `not whole after ${HEAL_LIMIT_MS} ms: ${world.whatIsMissing()}`)
  const mended = (): boolean => world.atlas.whatIsDamaged() === undefined
  if (!world.run(MEND_LIMIT_MS, mended, LOOK_EVERY_MS))
    return stuck(world, `not mended after ${MEND_LIMIT_MS} ms: ${world.atlas.whatIsDamaged()}`)
  const finals = readEverything(world, book)
  if ('checker' in finals) return finals
  world.run(REST_MS)
  if (!world.run(REST_LIMIT_MS, () => world.isAtRest(), LOOK_EVERY_MS))
    return stuck(world, 'something goes on and on')
  const evidence = evidenceOf(world, book, replicas, finals)
  for (const checker of ALL_CHECKERS) {
    const broken = checker.check(evidence)
    if (broken !== undefined) return broken
  }
  return undefined
}

function evidenceOf(
  world: World,
  book: Book,
  replicas: number,
  finals: readonly FinalRead[],
): Evidence {
  const buckets = [...new Set(book.keys.map(({ bucket }) => bucket))].map((name) => {
    const { n, r, w, conflicts } = book.propertiesOf(name)
    return { name, mode: conflicts, n, r, w }
  })
  const isChecked = (name: string): boolean => {
    const slash = name.indexOf('/')
    return book.isChecked(name.slice(0, slash), name.slice(slash + 1))
  }
  return {
    operations: world.history.operations.filter(({ bucket, key }) => book.isChecked(bucket, key)),
    finals: finals.filter(({ bucket, key }) => book.isChecked(bucket, key)),
    listings: [],
    copies: collectCopies(world, { buckets }).filter(({ name }) => isChecked(name)),
    damages: world.atlas.damages,
    gauges: [],
    replicas,
    leastReplicas: replicas,
  }
}

function readEverything(world: World, book: Book): readonly FinalRead[] | Violation {
  const finals: FinalRead[] = []
  for (const key of book.keys) {
    for (const node of world.nodes.filter(({ isUp }) => isUp)) {
      const result = readUntilAnswered(world, () => readOnce(world, book, node, key))
      if ('checker' in result) return result
      const mode = book.propertiesOf(key.bucket).conflicts
      finals.push({ node: node.index, bucket: key.bucket, mode, key: key.name, result })
    }
  }
  return finals
}

function readOnce(
  world: World,
  book: Book,
  node: SimNode,
  { bucket, key, sort, name }: KnownKey,
): GetSuccess | Violation {
  const n = Math.min(book.propertiesOf(bucket).n, world.replicas)
  const r = replicasLeft(world, bucket, key, n)
  const request = { type: 'get', bucket, key, sort, r, timeoutMs: READ_TIMEOUT_MS } as const
  const reply = world.ask(node, request, READ_LIMIT_MS)
  const place = `${bucket}/${name}`
  if (reply === 'lost' || reply.type !== 'get')
    return world.violation ?? violation('progress', `${place}: no answer to the last read`, [place])
  const { result } = reply
  if (result.ok) return nameValues(result)
  const why = `${result.code} ${result.message}`
  return violation('progress', `${place}: last read through n${node.index + 1}: ${why}`, [place])
}

/** Of the n replicas of a key, those whose disks were not lost for good. */
function replicasLeft(world: World, bucket: string, key: Uint8Array, n: number): number {
  const layout = world.views()[0]?.layout?.current
  if (layout === undefined) return n
  const places = layout.table[partitionOf(slotOf(bucket, key), layout.partitions)] ?? []
  const gone = places.slice(0, n).filter((place) => world.isFormer(layout.roles[place]!.node))
  return n - gone.length
}

function stuck(world: World, message: string): Violation {
  return world.violation ?? violation('progress', message)
}
