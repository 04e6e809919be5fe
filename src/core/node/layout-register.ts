/**
 * Chooses the next layout: exactly one for each version, whoever plans, however many plan at once,
 * and whoever dies in the middle.
 *
 * Two operators, or two nodes that each believe to be the one who plans, could bring two layouts
 * of one version into the world, and "the greater hash wins" undoes what some have acted on
 * already. So a version is a register of consensus (`core/consensus`), and the nodes with a role in
 * version v are the acceptors of v + 1. A majority of all of them must take part: a minority that
 * is cut off serves its data and changes nothing.
 *
 * ```
 *   plan        from version v, by whoever is asked          (`layout-keeper.ts`)
 *   propose     v + 1: "this one, unless you have one"; what comes back was chosen, ours or not
 *   adopt       what was chosen, and tell everybody          (gossip, as before)
 *   forget      the register, in the batch with which v + 1 becomes ours: from then on whoever asks
 *               about v + 1 is told the layout instead
 * ```
 * A register may be forgotten: whoever asks for v + 1 needs a majority that has not adopted it, and
 * that has a node in common with the majority that chose, one that still knows what it accepted.
 * A node that does not know it any more, since its store is gone, takes no part
 * (`acceptor-memory.ts`).
 *
 * Who has accepted a layout and does not hear what became of it asks, after a while: its proposer
 * may be dead, and nobody else may ever want another layout.
 *
 * While a member that is up does not understand this yet, nobody proposes: a layout that it was
 * told could not be completed.
 *
 * When the operator says that so many are lost that the rest is no majority, all of the rest must
 * agree. That is the operator's word against the rule above: two sides of a partition each of which
 * is told that the other is lost end with two layouts.
 */
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { Layout, LayoutState } from '../placement/layout.ts'
import { checkSuccessor } from '../placement/layout-check.ts'
import { decodeLayout, encodeLayout } from '../placement/layout-codec.ts'
import { nodesOf } from '../placement/layout-state.ts'
import type { Host } from './host.ts'
import type { Registers, Standing } from './registers.ts'

/**
 * How long an accepted layout may lie about before somebody asks what became of it; twice at most.
 */
const ORPHAN_AFTER: Duration = duration(5_000)
/** What a register holds in which nothing was chosen when somebody asked. */
const NOTHING = new Uint8Array(0)

/** What came of a proposal. */
export type Chosen = (chosen: Layout | 'unknown' | 'failed') => void

export type LayoutRegisters = Pick<Registers, 'propose' | 'accepted' | 'forget'>

export interface LayoutRegisterParts {
  readonly registers: LayoutRegisters
  readonly rng: Prng
  readonly state: () => LayoutState | undefined
  /** A layout that was chosen, to be adopted. */
  readonly chosen: (layout: Layout) => void
  /** Whether all who are up understand how layouts are chosen. */
  readonly mayPropose: () => boolean
  /** Whether the acceptor here may have taken part in choosing that version and lost all of it. */
  readonly hasForgotten: (version: number) => boolean
}

export class LayoutRegister {
  readonly #host: Host
  readonly #parts: LayoutRegisterParts
  #isProposing = false
  // What lies accepted here, and since when it is asked about.
  #orphan: { readonly key: string; readonly askAt: Instant } | undefined

  constructor(host: Host, parts: LayoutRegisterParts) {
    this.#host = host
    this.#parts = parts
  }

  /** Whether a proposal of this node's is under way. */
  get isProposing(): boolean {
    return this.#isProposing
  }

  /** Why a proposal would fail at once; undefined: it would not. */
  get hindrance(): 'proposing' | 'protocol' | undefined {
    if (this.#isProposing) return 'proposing'
    return this.#parts.mayPropose() ? undefined : 'protocol'
  }

  /**
   * `lost`: who has no say, because the operator says so. `done` hears which layout was chosen,
   * after it was adopted.
   */
  propose(layout: Layout, lost: readonly NodeId[], done: Chosen = () => undefined): void {
    const state = this.#parts.state()
    if (state === undefined || this.hindrance !== undefined) return done('failed')
    const writer = new ByteWriter(1024)
    encodeLayout(writer, layout)
    const mine = writer.take()
    this.#ask(state, lost, (current) => (isSet(current) ? current : mine), done)
  }

  /** To be called now and then. */
  onTimer(): void {
    const state = this.#parts.state()
    if (state === undefined || this.#accepted(state) === undefined) return
    const key = layoutRegisterKey(state.current.version + 1)
    const { now } = this.#host
    if (this.#orphan?.key !== key) {
      const pause = duration(ORPHAN_AFTER + this.#parts.rng.below(ORPHAN_AFTER))
      this.#orphan = { key, askAt: later(now, pause) }
    }
    if (this.#orphan.askAt > now || this.#isProposing || !this.#parts.mayPropose()) return
    this.#orphan = undefined
    this.#ask(
      state,
      [],
      (current) => current ?? NOTHING,
      () => undefined,
    )
  }

  /** Whether the acceptor here may take part in choosing the register's value. */
  serves(key: string): Standing {
    const version = layoutVersionOf(key)
    const own = this.#parts.state()?.current.version
    if (own === undefined || version === undefined || version > own + 1) return 'behind'
    if (version <= own) return 'ahead'
    return this.#parts.hasForgotten(version) ? 'refused' : 'ok'
  }

  /** Whether the acceptor here may accept `value`. */
  mayAccept(value: Uint8Array): boolean {
    if (value.length === 0) return true
    const state = this.#parts.state()
    const layout = layoutIn(value)
    if (state === undefined || layout?.version !== state.current.version + 1) return false
    return checkSuccessor(state.current, layout) === undefined
  }

  #ask(
    state: LayoutState,
    lost: readonly NodeId[],
    change: (current: Uint8Array | undefined) => Uint8Array,
    done: Chosen,
  ): void {
    this.#isProposing = true
    const { version } = state.current
    this.#parts.registers.propose({
      ...{ key: layoutRegisterKey(version + 1), layoutVersion: version, change },
      sets: acceptorsOf(state.current, lost),
      done: (result) => {
        this.#isProposing = false
        if (result.outcome !== 'chosen') return done(this.#adopted(version + 1) ?? result.outcome)
        const layout = layoutIn(result.value)
        if (layout === undefined) return done('failed')
        this.#parts.chosen(layout)
        done(layout)
      },
    })
  }

  /** What came of `version` when this node has heard of it by gossip, before the register told. */
  #adopted(version: number): Layout | undefined {
    const { current, previous, former } = this.#parts.state() ?? {}
    return [current, previous, former].find((layout) => layout?.version === version)
  }

  #accepted({ current }: LayoutState): Layout | undefined {
    const value = this.#parts.registers.accepted(layoutRegisterKey(current.version + 1))
    return value === undefined ? undefined : layoutIn(value)
  }
}

export function layoutRegisterKey(version: number): string {
  return `layout/${version}`
}

/** A majority of all; or, where too many are lost for that, each one of the others. */
function acceptorsOf(layout: Layout, lost: readonly NodeId[]): readonly (readonly NodeId[])[] {
  const nodes = nodesOf(layout)
  const rest = nodes.filter((node) => !lost.includes(node))
  return rest.length * 2 > nodes.length ? [nodes] : rest.map((node) => [node])
}

function layoutVersionOf(key: string): number | undefined {
  const match = /^layout\/(\d{1,16})$/.exec(key)
  const version = Number(match?.[1])
  return Number.isSafeInteger(version) ? version : undefined
}

function isSet(value: Uint8Array | undefined): value is Uint8Array {
  return value !== undefined && value.length > 0
}

function layoutIn(value: Uint8Array): Layout | undefined {
  const reader = new ByteReader(value)
  const layout = decodeLayout(reader)
  return reader.finished ? layout : undefined
}
