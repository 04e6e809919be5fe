/**
 * What nodes hold as the layout.
 *
 * - It is sound: it passes the check that every node makes of what it is told (distinct replicas,
 *   as many as wanted, on nodes with weight), and so does the step to it while data moves.
 * - It is balanced: each node holds its share of the replicas, rounded down or up. (Looked at where
 *   all weights and zones are equal; with others the share is the planner's business.)
 * - It never goes back while a node runs, nor, after a restart, behind what was durable.
 * - It is one: when nothing is wrong any more, nodes do not hold different ones for longer than the
 *   bound (`bounds.ts`).
 * - It is chosen once: whoever plans, of one version there is one layout in the whole run.
 */
import { ByteReader } from '../../src/core/std/bytes.ts'
import type { Layout, LayoutState } from '../../src/core/placement/layout.ts'
import { checkLayout, checkSuccessor } from '../../src/core/placement/layout-check.ts'
import { decodeLayoutState } from '../../src/core/placement/layout-codec.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import { agreementBoundMs } from './bounds.ts'
import type { Moment, Observed, WatchedConfig, Watcher } from './watcher.ts'

const NAME = 'layout'

/** What has been seen of one node. */
interface Memory {
  run: number
  damages: number
  state: LayoutState | undefined
  durableBytes: Uint8Array | undefined
  durable: Layout | undefined
}

export class LayoutWatcher implements Watcher {
  readonly name: string = NAME
  readonly #config: WatchedConfig
  // Bounded by: the nodes of the world.
  readonly #memories = new Map<number, Memory>()
  // By version: its hash, and who was seen with it first. Bounded by: the layouts of a run.
  readonly #chosen = new Map<number, { readonly hash: number; readonly by: string }>()
  #disagreeSinceMs: number | undefined
  #newest = 0

  constructor(config: WatchedConfig) {
    this.#config = config
  }

  look(moment: Moment): Violation | undefined {
    for (const node of moment.nodes) {
      const wrong = this.#lookAt(node)
      if (wrong !== undefined) return violation(NAME, `${node.name} ${wrong}`)
    }
    const wrong = this.#disagreement(moment)
    return wrong === undefined ? undefined : violation(NAME, wrong)
  }

  #lookAt(node: Observed): string | undefined {
    const memory = this.#memoryOf(node)
    const wrong = unsound(node, memory) ?? this.#chosenTwice(node)
    remember(node, memory)
    return wrong
  }

  #chosenTwice({ name, view }: Observed): string | undefined {
    const layout = view?.layout?.current
    if (layout === undefined) return undefined
    const known = this.#chosen.get(layout.version)
    if (known === undefined) this.#chosen.set(layout.version, { hash: layout.hash, by: name })
    if (known === undefined || known.hash === layout.hash) return undefined
    return `holds ${layoutText(layout)}, and ${known.by} another of that version`
  }

  #memoryOf({ index, run, damages }: Observed): Memory {
    const known = this.#memories.get(index)
    if (known !== undefined) return known
    const fresh = { run, damages, state: undefined, durableBytes: undefined, durable: undefined }
    this.#memories.set(index, fresh)
    return fresh
  }

  #disagreement({ nowMs, calmSinceMs, nodes }: Moment): string | undefined {
    const held = nodes.flatMap((node) => {
      const layout = node.view?.layout?.current
      return layout === undefined ? [] : [{ name: node.name, layout }]
    })
    const newest = Math.max(0, ...held.map(({ layout }) => layout.version))
    const agree = held.every(({ layout }) => compareLayouts(layout, held[0]!.layout) === 0)
    if (agree || newest !== this.#newest) this.#disagreeSinceMs = undefined
    this.#newest = newest
    if (agree) return undefined
    this.#disagreeSinceMs ??= nowMs
    const wrongMs = nowMs - Math.max(this.#disagreeSinceMs, calmSinceMs)
    const gone = nodes.filter(({ run, view }) => run > 0 && view === undefined).length
    const lost = nodes.reduce((sum, { formerIds }) => sum + formerIds.length, 0)
    if (wrongMs <= agreementBoundMs(nodes.length, gone + lost, this.#config)) return undefined
    const texts = held.map(({ name, layout }) => `${name} ${layoutText(layout)}`)
    return `nodes disagree for ${wrongMs} ms, though nothing is wrong: ${texts.join(', ')}`
  }
}

function unsound(node: Observed, memory: Memory): string | undefined {
  const state = node.view?.layout
  if (node.view === undefined || node.damages !== memory.damages) return undefined
  const isSameRun = node.run === memory.run
  const before = isSameRun ? memory.state?.current : memory.durable
  if (state === undefined)
    return before === undefined ? undefined : `has forgotten layout ${before.version}`
  if (isSameRun && state === memory.state) return undefined
  const { current, previous } = state
  if (before !== undefined && compareLayouts(current, before) < 0) {
    const what = isSameRun ? 'went back' : 'came back with less than was durable,'
    return `${what} from ${layoutText(before)} to ${layoutText(current)}`
  }
  const problem = previous === undefined ? checkLayout(current) : checkSuccessor(previous, current)
  return problem === undefined ? unbalanced(current) : `holds an unsound layout: ${problem}`
}

/** The first node that holds more or less than its share. */
function unbalanced({ roles, table, version }: Layout): string | undefined {
  const [first] = roles
  const isEven = roles.every(({ weight, zone }) => weight === first?.weight && zone === first.zone)
  if (!isEven) return undefined
  const counts = roles.map(() => 0)
  for (const set of table) for (const place of set) counts[place] = counts[place]! + 1
  const share = counts.reduce((sum, count) => sum + count, 0) / roles.length
  const odd = counts.findIndex((count) => Math.abs(count - share) >= 1)
  if (odd < 0) return undefined
  const held = `${counts[odd]} replicas of ${share}`
  return `holds layout ${version}, in which ${roles[odd]!.node} has ${held}`
}

function remember(node: Observed, memory: Memory): void {
  if (node.damages !== memory.damages) {
    memory.durable = undefined
    memory.durableBytes = undefined
  }
  memory.damages = node.damages
  if (node.view !== undefined) {
    memory.run = node.run
    memory.state = node.view.layout
  }
  if (node.durableLayout === memory.durableBytes) return
  memory.durableBytes = node.durableLayout
  memory.durable = decoded(node.durableLayout)
}

function decoded(bytes: Uint8Array | undefined): Layout | undefined {
  if (bytes === undefined) return undefined
  const reader = new ByteReader(bytes)
  const { current } = decodeLayoutState(reader)
  return reader.finished ? current : undefined
}

function compareLayouts(a: Layout, b: Layout): number {
  return a.version - b.version || a.hash - b.hash
}

function layoutText({ version, hash }: Layout): string {
  return `v${version} (${hash.toString(16)})`
}
