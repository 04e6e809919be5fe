/**
 * One watcher of a bucket: what it has been told, by whom, and what it has not missed.
 *
 * There is no log that all nodes share: a change becomes durable on each replica at another time,
 * and after others. So a watcher listens to all nodes at once, each of which numbers its own
 * changes, and its place is one number for each node. It is told a change by whoever brings it
 * first.
 *
 * What if a node dies, or comes back without its numbers, or is new? Every acknowledged write is on
 * W of the n replicas of each set, so n − W + 1 of them that have told all they took have told it:
 * one that cannot tell is not needed. Only when too few of a partition's replicas can tell is
 * there a *gap*: whoever watches reads the bucket then, and goes on from there.
 *
 * ```
 *   answered   a node tells its next changes, or that it has passed over some of a partition (hole)
 *   hole       enough others can tell → it counts again when each of those has told beyond now
 *              not enough             → gap: read the bucket; all count from now on
 * ```
 * What came before a change must be told before it, and may be heard of later: a change is held for
 * a round trip (`held-changes.ts`). While anything is held, nodes are asked questions that they
 * answer at once.
 *
 * Told twice is told once, and of one key nothing is told after what has superseded it (`told.ts`):
 * a change of which that is not certain is told as *stale*, and whoever watches reads the key
 * instead, and says what it read.
 *
 * Invariants: a place only moves forward within a feed; a node has one poll out at a time that may
 * wait, and one that may not; a place that is told stands before all that is held.
 */
import { assert } from '../std/assert.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { duration, instant, later } from '../std/instant.ts'
import type { Container } from '../versions/version.ts'
import type { FeedChange } from './feed.ts'
import type { Coverage, HeldChange } from './held-changes.ts'
import { HeldChanges } from './held-changes.ts'
import type { Novelty } from './told.ts'
import { Told } from './told.ts'
import type { WatchPage } from './watch-messages.ts'

/** Where a watcher stands with one node. */
export interface Place {
  readonly feed: number
  readonly after: number
}

export interface WatchedChange {
  /** Of the key within the bucket. */
  readonly name: string
  readonly key: Uint8Array
  readonly container: Container
  /** What it says is not the last word: read the key. */
  readonly isStale: boolean
}

/** Bytes of changes that wait for the watcher before nodes are asked for more. */
const BUFFER_BYTES_MAX = 1024 * 1024
/** How long the nodes that are up are waited for before holes are judged. */
const SETTLE_WITHIN = duration(3_000)
/** How long a node that has refused is not asked again. */
const REST = duration(1_000)
/** Between two polls of a node: of what changes quickly, many changes are told at once. */
const POLL_INTERVAL = duration(5)
/** More held changes than this are looked at one by one only now and then. */
const LOOK_AT_MAX = 256
const LOOK_INTERVAL = duration(20)

interface Source {
  place: Place | undefined
  /** The epochs in which it was asked what it has not answered yet. */
  readonly asked: { waiting: number | undefined; prompt: number | undefined }
  /** The last epoch of which it has told all it had when it was asked. */
  heard: number
  /** It is heard of this epoch when it has told its feed up to this number. */
  hearing: { readonly epoch: number; readonly feed: number; readonly top: number } | undefined
  /** Before then it is not asked again: it has refused to answer, or was asked just now. */
  restsUntil: Instant
  hasAnswered: boolean
  // Partitions of which it may have passed over something. Bounded by: the partitions it holds.
  holes: ReadonlySet<PartitionId>
  // Who must tell all it has, asked after the hole was known, before it counts again: in which
  // epoch that was. Bounded by: the nodes.
  awaits: Map<NodeId, number>
  /** Writes may be under way that it took before its feed began. */
  isYoung: boolean
  /** It has told all that it took before this time of its wall clock. */
  toldMs: number
}

export interface WatcherParts {
  readonly bucket: string
  /** A name for the record of this storage key; undefined: it does not watch that. */
  readonly nameOf: (key: Uint8Array) => string | undefined
  /** Where it stood; undefined: it begins now. */
  readonly places: ReadonlyMap<NodeId, Place> | undefined
  /** Whether of several versions only the winner is shown. */
  readonly isLww: () => boolean
  readonly now: Instant
  readonly isUp: (node: NodeId) => boolean
  /** By how much wall clocks differ at the most. */
  readonly skewMs: number
  /** The replica sets of which each must take a write, and how many of each. */
  readonly setsOf: (
    partition: PartitionId,
  ) => readonly { readonly nodes: readonly NodeId[]; readonly needed: number }[]
  /** undefined: it does not decode. */
  readonly decode: (change: FeedChange) => Container | undefined
}

export class Watcher {
  readonly bucket: string
  readonly #parts: WatcherParts
  // Bounded by: the nodes of the layouts in force.
  readonly #sources = new Map<NodeId, Source>()
  readonly #told: Told
  // With what is held bounded by: BUFFER_BYTES_MAX, and two pages of each node.
  #changes: WatchedChange[] = []
  #bytes = 0
  readonly #held = new HeldChanges()
  // Of pages that brought something, and of holes.
  #epoch = 1
  // The last in which there was something that answers are waited for.
  #wanted = 0
  // Whether something that is held may be told now, other than by time.
  #isDue = false
  #lookAt = instant(0)
  #pollAt: Instant | undefined
  #hasGap = false
  // Its first places are told even with nothing else: from there it can be resumed.
  #hasNews = false
  #isSettled = false
  readonly #settleAt: Instant

  constructor(parts: WatcherParts) {
    this.bucket = parts.bucket
    this.#parts = parts
    this.#told = new Told(parts.isLww)
    this.#settleAt = later(parts.now, SETTLE_WITHIN)
    for (const [node, place] of parts.places ?? []) this.#sources.set(node, newSource(place))
  }

  /** The nodes of the layouts in force: those are listened to. */
  retarget(nodes: readonly NodeId[]): void {
    this.#isDue = true
    for (const node of nodes) if (!this.#sources.has(node)) this.#sources.set(node, newSource())
    for (const node of this.#sources.keys())
      if (!nodes.includes(node)) {
        this.#sources.delete(node)
        // What it would have told is told by nobody now.
        for (const [other, source] of this.#sources)
          if (source.awaits.delete(node)) this.#judge(other, source)
      }
  }

  /** Who is to be asked now, and from where on; each counts as asked from then on. */
  *polls(
    now: Instant,
  ): Generator<{ readonly node: NodeId; readonly place: Place; readonly waits: boolean }> {
    this.#pollAt = undefined
    if (this.#bytes >= BUFFER_BYTES_MAX) return
    const isFull = this.#bytes + this.#held.bytes >= BUFFER_BYTES_MAX
    // What is held waits for those who are behind: only they are asked for more then.
    const lastMs = isFull ? this.#leastToldMs() : Number.POSITIVE_INFINITY
    for (const [node, source] of this.#sources) {
      const { asked, heard, restsUntil, place = { feed: 0, after: 0 } } = source
      if (asked.prompt !== undefined || !this.#parts.isUp(node)) continue
      const waits = heard >= this.#wanted
      if (waits && (asked.waiting !== undefined || isFull)) continue
      if (source.toldMs > lastMs) continue
      if (restsUntil > now) {
        this.#pollAt = sooner(this.#pollAt, restsUntil)
        continue
      }
      asked[waits ? 'waiting' : 'prompt'] = this.#epoch
      source.restsUntil = later(now, POLL_INTERVAL)
      yield { node, place, waits }
    }
  }

  /** When somebody is to be asked that could not be asked just now. */
  get pollAt(): Instant | undefined {
    return this.#pollAt
  }

  /** There will be no answer. */
  failed(node: NodeId, waits: boolean): void {
    const source = this.#sources.get(node)
    if (source !== undefined) source.asked[waits ? 'waiting' : 'prompt'] = undefined
  }

  /** An answer, to the poll that may wait or to that which may not. */
  answered(node: NodeId, page: WatchPage, waits: boolean, now: Instant): void {
    const source = this.#sources.get(node)
    const asked = source?.asked[waits ? 'waiting' : 'prompt']
    if (source === undefined || asked === undefined) return
    source.asked[waits ? 'waiting' : 'prompt'] = undefined
    if (page.outcome === 'refused') {
      source.restsUntil = later(now, REST)
      return
    }
    const isFirst = !source.hasAnswered
    source.hasAnswered = true
    source.isYoung = page.young
    const { toldMs } = source
    const isSame = page.feed === source.place?.feed
    source.toldMs = isSame ? Math.max(toldMs, page.untilMs) : page.untilMs
    this.#isDue ||= source.toldMs > toldMs
    this.#hold(node, source.place, page, now)
    source.place = furthest(source.place, { feed: page.feed, after: page.last })
    if (isFirst) source.holes = new Set()
    this.#hear(node, source, page, asked)
    if (page.holes.length > 0) this.#noteHoles(node, source, page.holes, waits)
  }

  /** Keys were read, as changes that are stale want it, and what they held was told. */
  wasRead(read: ReadonlyMap<string, Container>, wallMs: number): void {
    for (const [name, container] of read) this.#told.read(name, container, wallMs)
    this.#rejudge(({ name, container, isStale }) => {
      const told = read.get(name)
      if (told === undefined) return isStale ? 'stale' : 'news'
      return this.#told.compare(container, told)
    })
  }

  /** The bucket was read, as a gap wants it, and what it held was told; none of it later. */
  wasReadAll(untilMs: number, wallMs: number): void {
    this.#told.readAll(untilMs)
    this.#rejudge(({ container }) => (this.#told.isDoubtful(container, wallMs) ? 'stale' : 'news'))
  }

  /** Time has passed, or somebody has answered. */
  settle(now: Instant, wallMs: number): void {
    if (this.#isDue || this.#held.isOverdue(now)) this.#release(now, wallMs)
    if (this.#isSettled) return
    const missing = [...this.#sources].some(
      ([node, { hasAnswered }]) => !hasAnswered && this.#parts.isUp(node),
    )
    if (missing && now < this.#settleAt) return
    this.#isSettled = true
    this.#hasNews = true
    for (const [node, source] of this.#sources) {
      if (this.#parts.places === undefined) source.holes = new Set()
      else if (source.hasAnswered && source.holes.size > 0) this.#judge(node, source)
    }
  }

  get isReady(): boolean {
    return this.#isSettled && (this.#hasNews || this.#hasGap || this.#changes.length > 0)
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** What there is to tell, with the places after it; a gap comes before what follows it. */
  take(): {
    readonly gap: boolean
    readonly changes: readonly WatchedChange[]
    readonly places: ReadonlyMap<NodeId, Place>
  } {
    const changes = inOrder(this.#changes, this.#hasGap)
    const taken = { gap: this.#hasGap, changes, places: this.places() }
    this.#hasGap = false
    this.#hasNews = false
    this.#changes = []
    this.#bytes = 0
    return taken
  }

  /** Of all nodes that have a place; one that may have passed over something has none. */
  places(): ReadonlyMap<NodeId, Place> {
    const places = new Map<NodeId, Place>()
    for (const [node, { place, holes }] of this.#sources) {
      if (place === undefined || holes.size > 0) continue
      const held = this.#held.oldestOf(node)
      places.set(node, held === undefined ? place : { feed: held.feed, after: held.number - 1 })
    }
    return places
  }

  check(): void {
    this.#told.check()
    this.#held.check()
    for (const [node, { awaits }] of this.#sources)
      assert(!awaits.has(node), () => `${node} waits for itself`)
  }

  /**
   * Who is being given a partition says with each answer that it may pass over something. What is
   * known so is judged anew only with an answer that could wait: prompt ones would ask for others.
   */
  #noteHoles(node: NodeId, source: Source, holes: readonly PartitionId[], waits: boolean): void {
    const isKnown = holes.every((partition) => source.holes.has(partition))
    if (!isKnown) source.holes = new Set([...source.holes, ...holes])
    if (this.#isSettled && (waits || !isKnown)) this.#judge(node, source, waits)
  }

  /** `node` may have passed over something: others have it, or there is a gap. */
  #judge(node: NodeId, source: Source, isUrgent = true): void {
    for (const partition of source.holes) {
      if (this.#isCoveredWithout(partition, node)) continue
      this.#hasGap = true
      // What is read after this is younger than all that anybody has passed over.
      for (const each of this.#sources.values()) {
        each.holes = new Set()
        each.awaits.clear()
      }
      return
    }
    source.awaits = new Map()
    this.#epoch++
    if (isUrgent) this.#wanted = this.#epoch
    for (const [other, { hasAnswered }] of this.#sources)
      if (other !== node && hasAnswered && this.#parts.isUp(other))
        source.awaits.set(other, this.#epoch)
  }

  /** `node` was asked in this epoch, and has told all it had by then, or is on its way to it. */
  #hear(node: NodeId, source: Source, { feed, top }: WatchPage, epoch: number): void {
    const told = source.place!.after
    const before = source.heard
    let hearing = source.hearing?.feed === feed ? source.hearing : undefined
    if (hearing !== undefined && told >= hearing.top) {
      source.heard = Math.max(source.heard, hearing.epoch)
      hearing = undefined
    }
    if (told >= top) source.heard = Math.max(source.heard, epoch)
    else hearing ??= { epoch, feed, top }
    source.hearing = hearing
    if (source.heard === before) return
    this.#isDue = true
    for (const other of this.#sources.values()) {
      const since = other.awaits.get(node)
      if (since === undefined || source.heard < since) continue
      other.awaits.delete(node)
      if (other.awaits.size === 0) other.holes = new Set()
    }
  }

  #isCoveredWithout(partition: PartitionId, node: NodeId): boolean {
    return this.#parts.setsOf(partition).every(({ nodes, needed }) => {
      const tells = nodes.filter((other) => {
        const source = this.#sources.get(other)
        return other !== node && source?.hasAnswered === true && !source.holes.has(partition)
      })
      return tells.length >= nodes.length - needed + 1
    })
  }

  /** What of a page is new here waits for what came before it. */
  #hold(node: NodeId, place: Place | undefined, page: WatchPage, now: Instant): void {
    const { feed, last, changes } = page
    const known = place?.feed === feed ? place.after : 0
    let number = last - changes.length
    let isNew = false
    for (const change of changes) {
      const { key, partition, record } = change
      const name = ++number <= known ? undefined : this.#parts.nameOf(key)
      const container = name === undefined ? undefined : this.#parts.decode(change)
      if (name === undefined || container === undefined) continue
      if (!isNew) this.#wanted = ++this.#epoch
      isNew = true
      // Where all replicas must take a write, nobody else is waited for.
      this.#isDue = true
      const bytes = key.length + record.length
      const told = { name, key, partition, container, bytes, node, feed, number }
      this.#held.hold({ ...told, epoch: this.#epoch }, now)
    }
  }

  /** Tells what is held and preceded by nothing any more. */
  #release(now: Instant, wallMs: number): void {
    for (const held of this.#held.releaseUpTo(this.#heardOfAll())) this.#tell(held, wallMs)
    // Somebody has not answered yet: is it needed? That takes a look at each change.
    this.#isDue = this.#held.size > LOOK_AT_MAX && now < this.#lookAt
    if (this.#isDue || this.#held.size === 0) return
    this.#lookAt = later(now, LOOK_INTERVAL)
    // By who told it and partition, for this moment.
    const known = new Map([...this.#sources.keys()].map((node) => [node, new Map()] as const))
    const coveredTo = (partition: PartitionId, node: NodeId): Coverage => {
      const ofNode: Map<PartitionId, Coverage> | undefined = known.get(node)
      const covered = ofNode?.get(partition) ?? this.#coveredTo(partition, node)
      ofNode?.set(partition, covered)
      return covered
    }
    for (const held of this.#held.release(now, coveredTo)) this.#tell(held, wallMs)
  }

  #tell({ name, key, container, bytes }: HeldChange, wallMs: number): void {
    const novelty = this.#told.add(name, container, wallMs)
    if (novelty === 'nothing') return
    this.#bytes += bytes
    this.#changes.push({ name, key, container, isStale: novelty === 'stale' })
  }

  /** Of those who are up and answer. */
  #leastToldMs(): number {
    let least = Number.POSITIVE_INFINITY
    for (const [node, { toldMs, hasAnswered }] of this.#sources)
      if (hasAnswered && this.#parts.isUp(node)) least = Math.min(least, toldMs)
    return least
  }

  /** Up to which epoch all nodes have told all they had. */
  #heardOfAll(): number {
    let least = this.#epoch
    for (const { hasAnswered, heard } of this.#sources.values())
      least = Math.min(least, hasAnswered ? heard : 0)
    return least
  }

  /**
   * How far enough replicas are heard for all to have been told that came before what `node` told
   * of this partition: n − W + 1 that have missed nothing, or all of them, since one has told what
   * another took before its feed began.
   */
  #coveredTo(partition: PartitionId, node: NodeId): Coverage {
    let [epoch, ms] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    for (const { nodes, needed } of this.#parts.setsOf(partition)) {
      const others = nodes.filter((other) => other !== node)
      const isOneOf = nodes.includes(node) && this.#tells(node, partition)
      // Of n − W + 1 the one who told it may be one.
      const wanted = nodes.length - needed + (isOneOf ? 0 : 1)
      if (wanted <= 0) continue
      const clean = others.filter((other) => this.#tells(other, partition))
      const least = (of: (source: Source) => number): number => {
        const valueOf = (other: NodeId): number => {
          const source = this.#sources.get(other)
          return source === undefined ? 0 : of(source)
        }
        const enough = clean.map(valueOf).sort((a, b) => b - a)[wanted - 1]
        return Math.max(Math.min(...others.map(valueOf)), enough ?? 0)
      }
      epoch = Math.min(
        epoch,
        least(({ heard }) => heard),
      )
      ms = Math.min(ms, least(({ toldMs }) => toldMs) - this.#parts.skewMs)
    }
    return { epoch, ms }
  }

  /** Whether it tells all that it takes of this partition, and has missed nothing. */
  #tells(node: NodeId, partition: PartitionId): boolean {
    const source = this.#sources.get(node)
    if (source === undefined || !source.hasAnswered || source.isYoung) return false
    return !source.holes.has(partition)
  }

  #rejudge(judge: (change: WatchedChange) => Novelty): void {
    this.#changes = this.#changes.flatMap((change) => {
      const novelty = judge(change)
      return novelty === 'nothing' ? [] : [{ ...change, isStale: novelty === 'stale' }]
    })
  }
}

/**
 * A key is read once for an answer, in place of all its changes from the first stale one on, where
 * the last of them stands: what is read is no older than any.
 */
function inOrder(changes: readonly WatchedChange[], isGap: boolean): readonly WatchedChange[] {
  // Places of the first and the last change of each key that is to be read.
  const reads = new Map<string, { readonly from: number; at: number }>()
  for (const [i, { name, isStale }] of changes.entries()) {
    const read = reads.get(name)
    if (read !== undefined) read.at = i
    else if (isGap || isStale) reads.set(name, { from: i, at: i })
  }
  if (reads.size === 0) return changes
  return changes.flatMap((change, i) => {
    const read = reads.get(change.name)
    if (read === undefined || i < read.from) return [change]
    return i === read.at ? [{ ...change, isStale: true }] : []
  })
}

function newSource(place?: Place): Source {
  const asked = { waiting: undefined, prompt: undefined }
  return {
    ...{ place, asked, heard: 0, hearing: undefined, restsUntil: instant(0) },
    ...{ hasAnswered: false, holes: new Set(), awaits: new Map(), isYoung: true, toldMs: 0 },
  }
}

function sooner(a: Instant | undefined, b: Instant): Instant {
  return a === undefined || b < a ? b : a
}

/** A poll may be answered after a later one. */
function furthest(a: Place | undefined, b: Place): Place {
  return a === undefined || b.feed !== a.feed || b.after > a.after ? b : a
}
