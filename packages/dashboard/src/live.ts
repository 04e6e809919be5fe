/**
 * The cluster as it is now, asked again and again: who is there and who holds what every second,
 * what each node tells of itself every two.
 *
 * A page that nobody sees asks rarely. In a large cluster only so many nodes are asked in one look,
 * in turns, so that a console costs the node that serves it the same, however many there are.
 */
import type { ClusterJson, LayoutJson } from '../../client/src/api.ts'
import * as api from './api.ts'
import { ApiProblem, messageOf } from './api.ts'
import { isUp } from './model/cluster.ts'
import type { NodeLook } from './model/cluster.ts'
import { happenings, HAPPENINGS_MAX } from './model/happenings.ts'
import type { Happening } from './model/happenings.ts'
import { History } from './model/history.ts'
import { figuresOf } from './model/metrics.ts'
import type { Figures } from './model/metrics.ts'
import { Palette } from './model/palette.ts'

const LOOK_MS = 1_000
const HIDDEN_LOOK_MS = 15_000
/** Every so many looks the nodes are asked about themselves. */
const FIGURES_EVERY = 2
const NODES_AT_ONCE = 16

export type Connection =
  | { readonly state: 'connecting' | 'live' }
  | { readonly state: 'lost' | 'starting'; readonly sinceMs: number; readonly reason: string }

export class Live {
  connection: Connection = { state: 'connecting' }
  cluster: ClusterJson | undefined
  layout: LayoutJson | undefined
  readonly palette: Palette = new Palette()
  readonly history: History = new History()
  /** The latest first. Bounded by: HAPPENINGS_MAX. */
  happenings: readonly Happening[] = []
  // Bounded by: the members of the cluster.
  looks: ReadonlyMap<string, NodeLook> = new Map()
  #count = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #changed: () => void

  constructor(changed: () => void) {
    this.#changed = changed
  }

  start(): void {
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) void this.#look()
    })
    void this.#look()
  }

  nameOf(node: string): string {
    return this.cluster?.members.find(({ id }) => id === node)?.name ?? `${node.slice(0, 8)}…`
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer)
    try {
      await this.#lookAtCluster()
      if (this.#count++ % FIGURES_EVERY === 0) void this.#lookAtNodes()
    } catch (error) {
      this.#lost(error)
    }
    this.#changed()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look(), document.hidden ? HIDDEN_LOOK_MS : LOOK_MS)
  }

  async #lookAtCluster(): Promise<void> {
    const [cluster, layout] = await Promise.all([api.cluster(), layoutOrNone()])
    const now = Date.now()
    if (this.cluster !== undefined) {
      const before = { cluster: this.cluster, layout: this.layout }
      const news = happenings(before, { cluster, layout }, now)
      this.happenings = [...news.toReversed(), ...this.happenings].slice(0, HAPPENINGS_MAX)
    }
    this.palette.meet(cluster.members)
    this.cluster = cluster
    this.layout = layout
    this.connection = { state: 'live' }
  }

  async #lookAtNodes(): Promise<void> {
    const up = (this.cluster?.members ?? []).filter(isUp)
    const turn = Math.floor(this.#count / FIGURES_EVERY) * NODES_AT_ONCE
    const asked =
      up.length <= NODES_AT_ONCE
        ? up
        : Array.from({ length: NODES_AT_ONCE }, (_, i) => up[(turn + i) % up.length]!)
    const atMs = Date.now()
    const heard = await Promise.all(asked.map(async ({ id }) => [id, await lookAt(id)] as const))
    const figures = heard.flatMap(([id, look]): [string, Figures][] =>
      look.figures === undefined ? [] : [[id, look.figures]],
    )
    const members = new Set(up.map(({ id }) => id))
    const kept = [...this.looks].filter(([id]) => members.has(id))
    this.looks = new Map([...kept, ...heard])
    if (figures.length > 0) this.history.add(atMs, new Map(figures), members)
    this.#changed()
  }

  #lost(error: unknown): void {
    const isStarting = error instanceof ApiProblem && error.code === 'DND_ERR_NOT_READY'
    const state = isStarting ? 'starting' : 'lost'
    const before = this.connection
    const sinceMs = before.state === state && 'sinceMs' in before ? before.sinceMs : Date.now()
    this.connection = { state, sinceMs, reason: messageOf(error) }
  }
}

/** A node that has just joined has not heard of one yet. */
async function layoutOrNone(): Promise<LayoutJson | undefined> {
  try {
    return await api.layout()
  } catch (error) {
    if (error instanceof ApiProblem && error.code === 'DND_ERR_NOT_READY') return undefined
    throw error
  }
}

async function lookAt(node: string): Promise<NodeLook> {
  try {
    const [text, hints, repair] = await Promise.all([
      api.metricsOf(node),
      api.hintsOf(node),
      api.repairOf(node),
    ])
    return { figures: figuresOf(text), hints, repair }
  } catch (error) {
    return { silence: messageOf(error) }
  }
}
