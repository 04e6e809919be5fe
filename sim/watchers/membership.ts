/**
 * What nodes believe of each other, held against what is true.
 *
 * - **Completeness**: who is gone is not seen alive by anybody who runs, nor as anything but dead,
 *   for longer than the bounds (`bounds.ts`), whatever else goes wrong. The id of a lost disk is
 *   gone for good.
 * - **Accuracy**: when nothing is wrong any more, nobody who runs is seen as suspect or dead for
 *   longer than its bound.
 * - **Order**: what a node shows of a member never goes back in (generation, incarnation, rank)
 *   while it runs (R1); and nobody knows a greater incarnation or generation of a member than the
 *   member itself, which alone raises them (R2).
 * - **Memory**: nobody forgets a member that its layout names (R5).
 */
import type { NodeId } from '../../src/core/std/ids.ts'
import type { MemberRecord } from '../../src/core/membership/member.ts'
import { compareRecords } from '../../src/core/membership/member-order.ts'
import type { NodeView } from '../../src/core/node/view.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import { deathBoundMs, detectionBoundMs, reunionBoundMs } from './bounds.ts'
import type { Moment, Observed, WatchedConfig, Watcher } from './watcher.ts'

const NAME = 'membership'

/** What has been seen of one observer's table, in one run of it. */
interface Memory {
  readonly run: number
  members: NodeView['members']
  // All three bounded by: the ids of the world.
  readonly records: Map<NodeId, MemberRecord>
  /** Since when somebody who is gone has been seen alive, or not dead, without a break. */
  readonly seenAliveSinceMs: Map<NodeId, number>
  readonly seenUndeadSinceMs: Map<NodeId, number>
  /** Since when somebody who runs has been seen as suspect or dead. */
  readonly misjudgedSinceMs: Map<NodeId, number>
}

export class MembershipWatcher implements Watcher {
  readonly name: string = NAME
  readonly #probeIntervalMs: number
  // Bounded by: the nodes of the world.
  readonly #memories = new Map<number, Memory>()

  constructor({ probeIntervalMs }: WatchedConfig) {
    this.#probeIntervalMs = probeIntervalMs
  }

  look(moment: Moment): Violation | undefined {
    const running = new Map<NodeId, Observed>()
    const gone = new Map<NodeId, string>()
    for (const node of moment.nodes) {
      if (node.view !== undefined) running.set(node.id, node)
      else if (node.run > 0) gone.set(node.id, node.name)
      for (const id of node.formerIds) gone.set(id, `${node.name}, whose disk was lost,`)
    }
    for (const observer of moment.nodes) {
      const wrong = this.#lookAt(observer, running, gone, moment)
      if (wrong !== undefined) return violation(NAME, `${observer.name} ${wrong}`)
    }
    return undefined
  }

  #lookAt(
    observer: Observed,
    running: ReadonlyMap<NodeId, Observed>,
    gone: ReadonlyMap<NodeId, string>,
    moment: Moment,
  ): string | undefined {
    const { view } = observer
    if (view === undefined) {
      this.#memories.delete(observer.index)
      return undefined
    }
    const memory = this.#memoryOf(observer, view)
    const wrong = unordered(memory, view) ?? overtaken(view, running)
    if (wrong !== undefined) return wrong
    memory.members = view.members
    // Who stands still hears nothing, and who mistrusts its ears seldom asks: both start anew to
    // count when that is over.
    if (observer.isPaused || view.swim.localHealth > 0) {
      memory.seenAliveSinceMs.clear()
      memory.seenUndeadSinceMs.clear()
    }
    return (
      this.#incomplete(memory, view, gone, moment) ??
      this.#inaccurate(memory, view, running, gone, moment)
    )
  }

  #memoryOf({ index, run }: Observed, { members }: NodeView): Memory {
    const known = this.#memories.get(index)
    if (known?.run === run) return known
    const fresh: Memory = {
      run,
      members,
      records: new Map(members.map((record) => [record.info.id, record])),
      seenAliveSinceMs: new Map(),
      seenUndeadSinceMs: new Map(),
      misjudgedSinceMs: new Map(),
    }
    this.#memories.set(index, fresh)
    return fresh
  }

  #incomplete(
    memory: Memory,
    view: NodeView,
    gone: ReadonlyMap<NodeId, string>,
    { nowMs }: Moment,
  ): string | undefined {
    const count = view.members.length
    const detectionMs = detectionBoundMs(count, this.#probeIntervalMs)
    const deathMs = deathBoundMs(count, this.#probeIntervalMs)
    const { seenAliveSinceMs, seenUndeadSinceMs } = memory
    for (const { info, state } of view.members) {
      const { id } = info
      const name = gone.get(id)
      const isUndead = name !== undefined && (state === 'alive' || state === 'suspect')
      const undeadMs = lasting(seenUndeadSinceMs, id, isUndead, nowMs)
      const aliveMs = lasting(seenAliveSinceMs, id, isUndead && state === 'alive', nowMs)
      if (aliveMs > detectionMs) return `sees ${name} alive ${aliveMs} ms after it was gone`
      if (undeadMs > deathMs) return `does not see ${name} dead ${undeadMs} ms after it was gone`
    }
    return undefined
  }

  #inaccurate(
    memory: Memory,
    view: NodeView,
    running: ReadonlyMap<NodeId, Observed>,
    gone: ReadonlyMap<NodeId, string>,
    { nowMs, calmSinceMs }: Moment,
  ): string | undefined {
    const boundMs = reunionBoundMs(view.members.length, gone.size, this.#probeIntervalMs)
    const { misjudgedSinceMs } = memory
    for (const { info, state } of view.members) {
      const subject = running.get(info.id)
      const isMisjudged = subject !== undefined && state !== 'alive'
      const sinceMs = nowMs - lasting(misjudgedSinceMs, info.id, isMisjudged, nowMs)
      const wrongMs = nowMs - Math.max(sinceMs, calmSinceMs)
      if (isMisjudged && wrongMs > boundMs)
        return `sees ${subject.name} as ${state} for ${wrongMs} ms, though nothing is wrong`
    }
    return undefined
  }
}

/** For how long it has been so, milliseconds; 0 when it is not. */
function lasting(since: Map<NodeId, number>, id: NodeId, isSo: boolean, nowMs: number): number {
  if (!isSo) {
    since.delete(id)
    return 0
  }
  const sinceMs = since.get(id)
  if (sinceMs === undefined) since.set(id, nowMs)
  return nowMs - (sinceMs ?? nowMs)
}

/** What the table shows now must be what it showed, or greater. */
function unordered(memory: Memory, view: NodeView): string | undefined {
  if (view.members === memory.members) return undefined
  const shown = new Map(view.members.map((record) => [record.info.id, record]))
  for (const [id, before] of memory.records) {
    const record = shown.get(id)
    if (record === undefined) {
      if (isNamed(view, id)) return `has forgotten ${before.info.name}, whom its layout names`
      memory.records.delete(id)
    } else if (compareRecords(record, before) < 0)
      return `went back from ${recordText(before)} to ${recordText(record)}`
  }
  for (const [id, record] of shown) memory.records.set(id, record)
  return undefined
}

/** Nobody is told of a member what the member has not said itself. */
function overtaken(view: NodeView, running: ReadonlyMap<NodeId, Observed>): string | undefined {
  for (const record of view.members) {
    const subject = running.get(record.info.id)
    // A disk that was rolled back has forgotten what its node said.
    if (subject?.view === undefined || subject.damages > 0) continue
    const { self } = subject.view
    const ahead = record.generation - self.generation || record.incarnation - self.incarnation
    if (ahead > 0) return `knows ${recordText(record)}, who itself is at ${recordText(self)}`
  }
  return undefined
}

function isNamed({ layout }: NodeView, id: NodeId): boolean {
  if (layout === undefined) return false
  const { current, previous } = layout
  return [current, previous].some((each) => each?.roles.some(({ node }) => node === id))
}

function recordText({ info, generation, incarnation, state }: MemberRecord): string {
  return `${info.name} ${state} at ${generation}.${incarnation}`
}
