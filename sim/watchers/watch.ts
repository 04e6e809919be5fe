/** Looks at a world now and then, on behalf of all watchers. */
import { stateKey } from '../../src/core/node/storage-keys.ts'
import type { SimNode } from '../sim-node.ts'
import type { Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { LayoutWatcher } from './layout.ts'
import { MembershipWatcher } from './membership.ts'
import { QueueWatcher } from './queues.ts'
import type { Moment, Observed, WatchedConfig, Watcher } from './watcher.ts'

const LAYOUT_KEY = stateKey('layout')

/** The most telling first. */
export function allWatchers(config: WatchedConfig): readonly Watcher[] {
  return [new LayoutWatcher(config), new MembershipWatcher(config), new QueueWatcher(config)]
}

export class Watch {
  readonly #world: World
  readonly #watchers: readonly Watcher[]
  #lastMs = 0
  #calmSinceMs = 0
  #mostRequests = 0
  /** Who ran, in which run, at the last look. */
  #population = ''

  constructor(world: World, config: WatchedConfig) {
    this.#world = world
    this.#watchers = allWatchers(config)
  }

  /** The most client requests that any node has had in flight, as far as looks can tell. */
  get mostRequests(): number {
    return this.#mostRequests
  }

  /** The first violation that any watcher sees. */
  look(): Violation | undefined {
    const moment = this.#moment()
    for (const watcher of this.#watchers) {
      const broken = watcher.look(moment)
      if (broken !== undefined) return broken
    }
    return undefined
  }

  #moment(): Moment {
    const { nodes, queue, atlas } = this.#world
    const { nowMs } = queue
    const damages = nodes.map(() => 0)
    for (const { node } of atlas.damages) damages[node] = damages[node]! + 1
    const observed = nodes.map((node) => this.#observe(node, damages[node.index]!))
    for (const { view } of observed)
      this.#mostRequests = Math.max(this.#mostRequests, view?.inFlight ?? 0)
    if (this.#isDisturbed(observed)) this.#calmSinceMs = nowMs
    this.#lastMs = nowMs
    return { nowMs, nodes: observed, calmSinceMs: this.#calmSinceMs }
  }

  #observe(node: SimNode, damages: number): Observed {
    return {
      index: node.index,
      name: this.#world.nameOf(node.id),
      id: node.id,
      formerIds: node.formerIds,
      run: node.starts,
      damages,
      isPaused: node.pausedSince(this.#lastMs),
      view: node.machine?.view(),
      durableLayout: node.disk.getDurable(LAYOUT_KEY),
    }
  }

  #isDisturbed(nodes: readonly Observed[]): boolean {
    const { network } = this.#world
    const population = nodes.map(({ run, view }) => (view === undefined ? -run : run)).join()
    const hasChanged = population !== this.#population
    this.#population = population
    if (hasChanged || nodes.some(({ isPaused }) => isPaused)) return true
    const running = nodes.filter(({ view }) => view !== undefined)
    return running.some((from) =>
      running.some(
        (to) => network.isBlocked(from.index, to.index) || network.isClogged(from.index, to.index),
      ),
    )
  }
}
