/**
 * Several operators at once, at different nodes, each with a layout of his own in mind: each asks
 * for a plan and applies it as soon as he has it. One of the plans is chosen, and whoever is told
 * that his was must be right. A node that is given another role than it wants asks for its own
 * again, so that in the end all are as they were started.
 */
import { must } from '../../src/core/std/assert.ts'
import type { Prng } from '../../src/core/std/prng.ts'
import type { ClientReply } from '../../src/core/node/events.ts'
import type { LayoutAsk, LayoutResult } from '../../src/core/node/layout-asks.ts'
import type { Role } from '../../src/core/placement/layout.ts'
import type { Range } from '../seed.ts'
import { wholeWithin, within } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import { violation } from '../violation.ts'
import type { World } from '../world.ts'
import { someOf } from './episodes.ts'
import type { RunningFault } from './fault.ts'

export interface Operators {
  readonly type: 'operators'
  /** From the beginning, or from one meeting to the next, milliseconds. */
  readonly betweenMs: Range
  /** How many meet. */
  readonly count: Range
  /** How long each looks at his plan, milliseconds. */
  readonly looksMs: Range
  /** Which weights they give. */
  readonly weights: readonly number[]
}

/**
 * As long as what was accepted may yet be chosen: by a proposer that goes on, or by one who finds
 * it lying about.
 */
const MAY_COME_MS = 30_000

export function beginOperators(world: World, fault: Operators, rng: Prng): RunningFault {
  let ended = false
  const next = (): void => {
    if (ended) return
    // While a disk is damaged no data may move: see `atlas.ts`.
    if (world.atlas.mayMove()) meet()
    calm()
  }
  const meet = (): void => {
    const untilMs = world.queue.nowMs + MAY_COME_MS
    world.atlas.expectMove(() => world.queue.nowMs > untilMs)
    for (const node of someOf(world, wholeWithin(fault.count, rng), rng)) {
      const roles = wantedRoles(world, node, fault.weights, rng)
      if (roles !== undefined) operate(node, roles, within(fault.looksMs, rng))
    }
  }
  const operate = (node: SimNode, roles: readonly Role[], looksMs: number): void => {
    ask(node, { what: 'plan', roles }, (plan) => {
      if (plan.what !== 'plan' || plan.after === undefined) return
      const { version, hash } = plan.after
      world.queue.after(looksMs, () => {
        if (!ended && node.isUp) apply(node, { what: 'apply', roles, version, hash })
      })
    })
  }
  const apply = (node: SimNode, plan: Extract<LayoutAsk, { what: 'apply' }>): void => {
    const name = `v${plan.version} (${plan.hash.toString(16)})`
    world.announce('apply', `${name}, says n${node.index + 1}`)
    ask(node, plan, () => {
      const { current, previous, former } = must(node.machine?.view().layout, 'who answers runs')
      const known = [current, previous, former].find((each) => each?.version === plan.version)
      if (known !== undefined && known.hash !== plan.hash)
        world.violate(violation('layout', `n${node.index + 1} says that ${name} was chosen`))
    })
  }
  /** `done`: unless it was refused. */
  const ask = (node: SimNode, question: LayoutAsk, done: (result: Success) => void): void => {
    node.request({ type: 'layout', ask: question }, (reply) => {
      const result = resultOf(reply)
      if (result?.ok === true) done(result)
    })
  }
  const calm = (): void => world.queue.after(within(fault.betweenMs, rng), next)
  calm()
  return {
    end(): void {
      ended = true
    },
  }
}

type Success = Extract<LayoutResult, { ok: true }>

function resultOf(reply: ClientReply | 'lost'): LayoutResult | undefined {
  return reply === 'lost' || reply.type !== 'layout' ? undefined : reply.result
}

/** The roles of now, with another weight for one, or without one if enough are left. */
function wantedRoles(
  world: World,
  node: SimNode,
  weights: readonly number[],
  rng: Prng,
): readonly Role[] | undefined {
  const roles = node.machine?.view().layout?.current.roles ?? []
  if (roles.length === 0) return undefined
  const chosen = rng.pick(roles)
  const holders = roles.filter(({ weight }) => weight > 0).length
  const isWithout = rng.chance(0.3) && holders > world.replicas
  const weight = rng.pick(weights)
  if (isWithout) return roles.filter((role) => role !== chosen)
  return roles.map((role) => (role === chosen ? { ...role, weight } : role))
}
