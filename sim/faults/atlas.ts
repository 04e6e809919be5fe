/**
 * Keeps the loss of disks survivable.
 *
 * The store promises that nothing acknowledged is lost while fewer than W replicas lose their
 * disks. A world that destroys disks as it likes would prove nothing: sooner or later it destroys
 * the last copy of something, and no rule of any store brings that back. So every fault that loses,
 * corrupts or rolls back what was durable asks here first, and is refused while it could meet an
 * earlier one (the idea is TigerBeetle's ClusterFaultAtlas, src/testing/storage.zig):
 *
 * ```
 *   strike ──── note, for every record, what the other nodes hold of it
 *          ──── until every replica's disk covers that again: reads of what is missing, with up to
 *               r = n, through one node after another (read repair)
 *          ──── repaired: the next strike may come
 * ```
 * At most W − 1 nodes are damaged at a time, W being the least of all buckets, of which there is
 * always one that was never configured and has the default, two. And no layout changes while a node
 * is damaged, nor is a node damaged while one changes: a move takes over what n − W + 1 old owners
 * hold, and would take the gaps of a damaged one over as well.
 *
 * A disk that is wiped leaves a dead member behind. Until its role is taken away (`remove.ts`), it
 * is one of the W − 1 that may be damaged.
 *
 * While a node is damaged, a read may miss what was written before: the node answers that it has
 * nothing, and in a quorum of r that counts. `damages` tells the checkers when that was.
 */
import { must } from '../../src/core/std/assert.ts'
import { bytesToBinary } from '../../src/core/std/bytes.ts'
import type { Prng } from '../../src/core/std/prng.ts'
import { DEFAULT_PROPERTIES } from '../../src/core/node/buckets.ts'
import type { BucketProperties } from '../../src/core/node/messages.ts'
import { parseListingKey, parseRecordKey } from '../../src/core/node/storage-keys.ts'
import type { Layout } from '../../src/core/placement/layout.ts'
import type { Dot } from '../../src/core/versions/version.ts'
import { covers } from '../checkers/causality.ts'
import { heldBy } from '../held.ts'
import { stream, wholeWithin } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'

export type DamageKind = 'rot' | 'backup' | 'wipe' | 'removed'

/** What happened to a disk, and when, as positions in the history. */
export interface Damage {
  readonly kind: DamageKind
  /** Place of the node. */
  readonly node: number
  readonly at: number
  /** When every replica held again what had been there; Infinity while that is not so. */
  until: number
}

/** One record that was there when a disk was damaged. */
interface Wanted {
  readonly key: Uint8Array
  /**
   * Dots of versions that somebody else holds: every replica must hold them, or what came after.
   */
  readonly held: Map<string, Dot>
  /** Dots of versions that somebody knows to be superseded: no replica may hold them. */
  readonly ended: Set<string>
}

interface Open {
  readonly damage: Damage
  // Bounded by: the records of the world.
  wanted: Map<string, Wanted>
  /** Hash of the layout under which that was to be held. */
  layout: number
}

/** How often what is missing is looked for, milliseconds. */
const SWEEP_EVERY_MS = 500
/** Reads of one sweep, so that it is no load to speak of. */
const SWEEP_READS = 25
const SWEEP_TIMEOUT_MS = 2_000

export class Atlas {
  readonly #world: World
  readonly #rng: Prng
  // Bounded by: what faults do in a run, each of which waits for the repair of the one before.
  readonly #damages: Damage[] = []
  // Bounded by: W − 1.
  #open: readonly Open[] = []
  // Whether moves are over that may come. Bounded by: what faults do in a few seconds.
  #expected: readonly (() => boolean)[] = []

  constructor(world: World) {
    this.#world = world
    this.#rng = stream(world.seed, 'atlas')
  }

  get damages(): readonly Damage[] {
    return this.#damages
  }

  /** What is not mended yet, in words; undefined when all is. */
  whatIsDamaged(): string | undefined {
    const [first] = this.#open
    if (first === undefined) return undefined
    const { damage, wanted } = first
    return `n${damage.node + 1} (${damage.kind}), ${wanted.size} records are not on every replica`
  }

  /** Whether the disk of `node` may lose something, and everybody survives it. */
  mayDamage(node: SimNode): boolean {
    // Who lost its disk is another node than the one that came back in its place.
    const others = this.#open.filter(
      ({ damage }) => damage.kind === 'wipe' || damage.node !== node.index,
    )
    const damaged = new Set(others.map(({ damage }) => damage.node))
    this.#expected = this.#expected.filter((isOver) => !isOver())
    if (this.#expected.length > 0 || damaged.size >= this.#leastW() - 1) return false
    return newestLayout(this.#world, true) !== undefined
  }

  /** Whether the disk of `node` may be lost altogether. */
  mayWipe(node: SimNode): boolean {
    if (!this.mayMove() || !this.mayDamage(node)) return false
    const { roles } = must(newestLayout(this.#world, true), 'a layout, as mayDamage asks for one')
    const left = roles.filter((role) => this.#world.isFormer(role.node)).length
    return left < this.#leastW() - 1
  }

  /** Somebody does what may lead to a move: no disk is damaged until `isOver` says so. */
  expectMove(isOver: () => boolean): void {
    this.#expected = [...this.#expected, isOver]
  }

  /** Whether a node may join, so that data moves. */
  mayMove(): boolean {
    return this.#open.length === 0
  }

  /** Whether another replica has the record: what nobody else has nobody can bring back. */
  isHeldElsewhere(node: SimNode, key: Uint8Array): boolean {
    const layout = newestLayout(this.#world, true)
    if (layout === undefined) return false
    const holders = holdersOf(this.#world, layout, this.#buckets(), key)
    return holders.some((other) => other !== node && other.disk.getDurable(key) !== undefined)
  }

  /** Damages the disk of `node`, by `how`, after `may…` has said that it may. */
  strike(node: SimNode, kind: DamageKind, how: () => void): void {
    const layout = must(newestLayout(this.#world, true), 'a layout, as mayDamage asked for one')
    how()
    const wanted = this.#heldUnder(layout, node)
    const at = this.#world.history.position
    const damage: Damage = { kind, node: node.index, at, until: Infinity }
    this.#damages.push(damage)
    if (this.#open.length === 0) this.#sweepLater()
    this.#open = [...this.#open, { damage, wanted, layout: layout.hash }]
  }

  #sweepLater(): void {
    this.#world.queue.after(SWEEP_EVERY_MS, () => {
      this.#sweep()
      if (this.#open.length > 0) this.#sweepLater()
    })
  }

  #sweep(): void {
    // While data moves nobody can say who should hold what.
    const layout = newestLayout(this.#world, false)
    if (layout === undefined) return
    const buckets = this.#buckets()
    let reads = SWEEP_READS
    for (const open of this.#open) {
      // A move takes over what was acknowledged; what else an old owner held may be gone with it.
      if (open.layout !== layout.hash) {
        open.wanted = this.#heldUnder(layout)
        open.layout = layout.hash
      }
      const { damage, wanted } = open
      for (const [name, record] of wanted) {
        if (isEverywhere(this.#world, layout, buckets, record)) wanted.delete(name)
        else if (reads-- > 0) this.#read(record, buckets)
      }
      if (wanted.size > 0) continue
      damage.until = this.#world.history.position
      this.#world.announce('repaired', `n${damage.node + 1} (${damage.kind})`)
    }
    this.#open = this.#open.filter(({ wanted }) => wanted.size > 0)
  }

  /** Nobody waits for the answer: whether it helped shows on the disks. */
  #read({ key }: Wanted, buckets: Buckets): void {
    const up = this.#world.nodes.filter((node) => node.isUp)
    const record = parseRecordKey(key)
    const name = record && parseListingKey(record.listing)
    if (up.length === 0 || record === undefined || name === undefined) return
    const { bucket } = record
    const { n, r: least } = buckets.get(bucket) ?? DEFAULT_PROPERTIES
    const r = wholeWithin([least, n], this.#rng)
    const request = { type: 'get', bucket, ...name, r, timeoutMs: SWEEP_TIMEOUT_MS } as const
    this.#rng.pick(up).request(request, () => undefined)
  }

  /** What the replicas less `but` hold of each record: enough to bring it back. */
  #heldUnder(layout: Layout, but?: SimNode): Map<string, Wanted> {
    const wanted = new Map<string, Wanted>()
    const buckets = this.#buckets()
    for (const node of this.#world.nodes) {
      for (const { key } of node.disk.durableEntries()) {
        // What lies on a disk that should not hold it any more was promised to nobody.
        const holders = holdersOf(this.#world, layout, buckets, key)
        const name = bytesToBinary(key)
        if (!holders.includes(node) || wanted.has(name)) continue
        wanted.set(name, wantedOf(key, holders, but))
      }
    }
    return wanted
  }

  /** Over all buckets, also those that were never configured. */
  #leastW(): number {
    return Math.min(DEFAULT_PROPERTIES.w, ...[...this.#buckets().values()].map(({ w }) => w))
  }

  #buckets(): Buckets {
    const views = this.#world.views()
    return new Map(
      views.flatMap(({ buckets }) =>
        buckets.map(({ name, properties }) => [name, properties] as const),
      ),
    )
  }
}

type Buckets = ReadonlyMap<string, BucketProperties>

/**
 * The layout on which all that run agree, with nothing moving and everybody in it as it should be;
 * undefined when they do not. `complete`: all that should run must.
 */
function newestLayout(world: World, complete: boolean): Layout | undefined {
  let newest: Layout | undefined
  for (const node of world.nodes) {
    if (!node.hasStarted || node.hasLeft) continue
    const view = node.machine?.view()
    if (view === undefined && !complete) continue
    const state = view?.layout
    if (state === undefined || state.previous !== undefined || state.lost.length > 0)
      return undefined
    if (view?.leaving !== undefined) return undefined
    newest ??= state.current
    if (newest.hash !== state.current.hash) return undefined
  }
  const started = world.nodes.filter((node) => node.hasStarted && !node.hasLeft)
  if (newest === undefined) return undefined
  return started.every((node) => node.hasRoleIn(newest)) ? newest : undefined
}

function isEverywhere(
  world: World,
  layout: Layout,
  buckets: Buckets,
  { key, held, ended }: Wanted,
): boolean {
  return holdersOf(world, layout, buckets, key).every((node) => {
    const copy = heldBy((at) => node.disk.getDurable(at), key)
    return (
      copy !== 'corrupt' &&
      [...held.values()].every((dot) => covers(copy.vector, dot)) &&
      !copy.versions.some(({ dot }) => ended.has(nameOf(dot)))
    )
  })
}

function wantedOf(key: Uint8Array, holders: readonly SimNode[], but: SimNode | undefined): Wanted {
  const held = new Map<string, Dot>()
  const ended = new Set<string>()
  const copies = holders.flatMap((node) => {
    const copy = heldBy((at) => node.disk.getDurable(at), key)
    return copy === 'corrupt' ? [] : [{ node, copy }]
  })
  for (const { node, copy } of copies)
    for (const { dot } of copy.versions) {
      const name = nameOf(dot)
      if (node !== but) held.set(name, dot)
      const isEnded = copies.some(
        ({ node: other, copy: { versions, vector } }) =>
          other !== but &&
          covers(vector, dot) &&
          !versions.some((version) => nameOf(version.dot) === name),
      )
      if (isEnded) ended.add(name)
    }
  return { key, held, ended }
}

function nameOf({ vnode, counter }: Dot): string {
  return `${vnode}.${counter}`
}

/** The nodes that should hold `key`, less those that are gone for good. */
function holdersOf(
  world: World,
  layout: Layout,
  buckets: Buckets,
  key: Uint8Array,
): readonly SimNode[] {
  const record = parseRecordKey(key)
  if (record === undefined) return []
  const { n } = buckets.get(record.bucket) ?? DEFAULT_PROPERTIES
  const places = (layout.table[record.partition] ?? []).slice(0, n)
  const ids = places.map((place) => layout.roles[place]?.node)
  return world.nodes.filter((node) => ids.includes(node.id))
}
