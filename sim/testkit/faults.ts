/** What can go wrong in an app's world, by hand or by chance; and how all of it is made well. */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Fault, RunningFault } from '../faults/fault.ts'
import { beginFault } from '../faults/fault.ts'
import type { Clog } from '../network.ts'
import { stream } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import { othersOf } from '../world.ts'

/** Groups of faults that come and go by chance. */
export type TroubleKind = 'crashes' | 'partitions' | 'pauses' | 'slow-links' | 'slow-disks'

export const TROUBLE: readonly TroubleKind[] = [
  'crashes',
  'partitions',
  'pauses',
  'slow-links',
  'slow-disks',
]

export class Faults {
  readonly #world: World
  readonly #dice: Prng
  readonly #tell: (text: string) => void
  /** Directions cut by hand. Bounded by: ordered pairs of nodes. */
  readonly #cut = new Map<string, readonly [from: number, to: number]>()
  // Bounded by: calls of `clog` until all is healed.
  #clogs: { readonly from: number; readonly to: number; readonly clog: Clog }[] = []
  /** Nodes whose crash will strike in the middle of what they do next. Bounded by: the nodes. */
  readonly #armed = new Set<SimNode>()
  // Bounded by: calls of `begin` until all is healed.
  #running: RunningFault[] = []
  #begun = 0

  constructor(world: World, tell: (text: string) => void) {
    this.#world = world
    this.#dice = stream(world.seed, 'testkit', 'faults')
    this.#tell = tell
  }

  node(place: number): SimNode {
    const { nodes } = this.#world
    const node = nodes[place]
    if (node === undefined)
      throw new RangeError(`no node ${place}: this world has ${nodes.length}, counted from 0`)
    return node
  }

  crash(node: SimNode, midStep: boolean): void {
    if (!node.isUp) return
    this.#tell(`crash ${nameOf(node)}`)
    if (midStep) {
      this.#armed.add(node)
      node.crashMidStep(this.#dice.fraction())
    } else node.crash()
  }

  restart(node: SimNode): void {
    // A crash that was armed may not have struck yet.
    if (this.#armed.delete(node)) node.crash()
    if (node.isUp) return
    this.#tell(`restart ${nameOf(node)}`)
    node.start(node.formerIds.length === 0 ? [] : othersOf(this.#world, node.index))
  }

  /** The disk is lost; the node stays down until it is restarted, as a new one. */
  wipe(node: SimNode): void {
    if (!this.#world.atlas.mayWipe(node))
      throw new RangeError(
        `the disk of ${nameOf(node)} may not be lost now: with those that are lost already, or ` +
          'not whole again, it could be the last that holds something. At most W − 1 disks can ' +
          'be lost in a world, and none while nodes are down or data moves',
      )
    this.#tell(`wipe ${nameOf(node)}`)
    this.#world.atlas.strike(node, 'wipe', () => node.wipe())
  }

  pause(node: SimNode): void {
    this.#tell(`pause ${nameOf(node)}`)
    node.pause()
  }

  resume(node: SimNode): void {
    if (!node.isPaused) return
    this.#tell(`resume ${nameOf(node)}`)
    node.resume()
  }

  slowDisk(node: SimNode, times: number): void {
    this.#tell(`disk of ${nameOf(node)} ${times} times slower`)
    node.disk.slow(times)
  }

  fullDisk(node: SimNode, isFull: boolean): void {
    this.#tell(`disk of ${nameOf(node)} ${isFull ? 'is full' : 'has room'}`)
    node.disk.fill(isFull)
  }

  skewClock(node: SimNode, byMs: number): void {
    this.#tell(`clock of ${nameOf(node)} stepped by ${byMs} ms`)
    node.stepClock(byMs)
  }

  partition(group: readonly SimNode[], other: readonly SimNode[], oneWay: boolean): void {
    this.#tell(`partition ${namesOf(group)} ${oneWay ? '→' : '|'} ${namesOf(other)}`)
    for (const a of group) {
      for (const b of other) {
        this.#block(a, b)
        if (!oneWay) this.#block(b, a)
      }
    }
  }

  clog(group: readonly SimNode[], other: readonly SimNode[], clog: Clog): void {
    this.#tell(`clog ${namesOf(group)} | ${namesOf(other)} by ${clog.delayMs} ms`)
    for (const { index: a } of group) {
      for (const { index: b } of other) {
        if (a === b) continue
        for (const [from, to] of bothWays(a, b)) {
          this.#world.network.clog(from, to, clog)
          this.#clogs.push({ from, to, clog })
        }
      }
    }
  }

  /** Every partition and every clog made by hand ends. */
  heal(): void {
    if (this.#cut.size + this.#clogs.length > 0) this.#tell('heal')
    for (const [from, to] of this.#cut.values()) this.#world.network.unblock(from, to)
    for (const { from, to, clog } of this.#clogs) this.#world.network.unclog(from, to, clog)
    this.#cut.clear()
    this.#clogs = []
  }

  /** Begins faults that come and go by chance, until the result is ended. */
  begin(faults: readonly Fault[]): RunningFault {
    const running = faults.map((fault) =>
      beginFault(this.#world, fault, stream(this.#world.seed, 'testkit', 'fault', this.#begun++)),
    )
    let ended = false
    const all = {
      end: (): void => {
        if (ended) return
        ended = true
        for (const fault of running) fault.end()
      },
    }
    this.#running.push(all)
    return all
  }

  /** Ends all that goes wrong: nodes run, directions are open, disks have room and are fast. */
  mendAll(): void {
    for (const fault of this.#running) fault.end()
    this.#running = []
    this.heal()
    this.#world.network.calm()
    for (const node of this.#world.nodes) {
      node.disk.mend()
      this.resume(node)
      this.restart(node)
    }
  }

  #block(from: SimNode, to: SimNode): void {
    const name = `${from.index}>${to.index}`
    if (from === to || this.#cut.has(name)) return
    this.#cut.set(name, [from.index, to.index])
    this.#world.network.block(from.index, to.index)
  }
}

/** The faults of a kind, at the pace of an app's test: something happens every second or two. */
export function faultsOf(kind: TroubleKind): Fault {
  switch (kind) {
    case 'crashes':
      return {
        type: 'crash-restart',
        victims: [1, 1],
        betweenMs: [500, 4_000],
        downMs: [200, 5_000],
        midStepChance: 0.5,
        toldChance: 0.5,
      }
    case 'partitions':
      return {
        type: 'partition',
        shapes: ['isolated', 'split', 'mute', 'deaf', 'pair', 'one-way'],
        calmMs: [500, 3_000],
        lastsMs: [500, 6_000],
      }
    case 'pauses':
      return { type: 'pause', victims: [1, 1], calmMs: [1_000, 5_000], lastsMs: [100, 5_000] }
    case 'slow-links':
      return {
        type: 'clog',
        shapes: ['isolated', 'pair', 'one-way'],
        calmMs: [1_000, 5_000],
        lastsMs: [500, 4_000],
        delayMs: [50, 1_000],
        bytesPerMs: [100, 10_000],
      }
    case 'slow-disks':
      return {
        type: 'slow-disk',
        calmMs: [1_000, 5_000],
        lastsMs: [500, 4_000],
        times: [5, 100],
      }
  }
}

function bothWays(a: number, b: number): readonly (readonly [from: number, to: number])[] {
  return [
    [a, b],
    [b, a],
  ]
}

function nameOf({ index }: SimNode): string {
  return `n${index + 1}`
}

function namesOf(nodes: readonly SimNode[]): string {
  return nodes.map(nameOf).join(' ')
}
