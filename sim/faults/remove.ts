/**
 * A node dies, and an operator says that it will not come back: the layout goes on without it. Its
 * machine is used again for a new node. Or it comes back after all, with its disk, though it was
 * not to: then it is like anybody who joins.
 *
 * Only as much is taken as the store survives (`atlas.ts`), and never so many that a partition is
 * left with fewer replicas than the cluster wants.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { NodeId } from '../../src/core/std/ids.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import { othersOf } from '../world.ts'
import { someOf } from './episodes.ts'
import type { RunningFault } from './fault.ts'

export interface Remove {
  readonly type: 'remove'
  readonly calmMs: Range
  /** From the death to the operator's word, milliseconds. */
  readonly afterMs: Range
  /** From that word to the machine's next start, milliseconds. */
  readonly downMs: Range
  /** Chance that the node comes back with its disk. */
  readonly returnChance: number
}

/** An operator whose word was refused, or got no answer, says it again. */
const AGAIN_AFTER_MS = 1_000

interface Gone {
  readonly node: SimNode
  /** Who it was. */
  readonly id: NodeId
}

export function beginRemove(world: World, fault: Remove, rng: Prng): RunningFault {
  let ended = false
  let gone: Gone | undefined
  const restart = (): void => {
    if (gone?.node.isUp === false) gone.node.start(othersOf(world, gone.node.index))
    gone = undefined
  }
  const strike = (): void => {
    if (ended) return
    const [victim] = someOf(world, 1, rng)
    if (victim === undefined || !world.atlas.mayWipe(victim) || !leavesEnough(world, victim))
      return calm()
    gone = { node: victim, id: victim.id }
    if (rng.chance(fault.returnChance)) world.atlas.strike(victim, 'removed', () => victim.crash())
    else world.atlas.strike(victim, 'wipe', () => victim.wipe())
    world.queue.after(within(fault.afterMs, rng), say)
  }
  const say = (): void => {
    if (ended || gone === undefined) return
    const { id } = gone
    const [asked] = someOf(world, 1, rng)
    if (asked === undefined) return again()
    world.announce('remove', `${world.nameOf(id)}, says n${asked.index + 1}`)
    asked.request({ type: 'layout', ask: { what: 'remove', node: id, partitions: 0 } }, (reply) => {
      const isSaid = reply !== 'lost' && reply.type === 'layout' && reply.result.ok
      if (!isSaid) return again()
      world.queue.after(within(fault.downMs, rng), () => {
        if (ended) return
        restart()
        calm()
      })
    })
  }
  const again = (): void => world.queue.after(AGAIN_AFTER_MS, say)
  const calm = (): void => world.queue.after(within(fault.calmMs, rng), strike)
  calm()
  return {
    end(): void {
      ended = true
      restart()
    },
  }
}

/** Whether each partition keeps as many replicas as it should have without `node`. */
function leavesEnough(world: World, node: SimNode): boolean {
  const roles = world.views()[0]?.layout?.current.roles ?? []
  const rest = roles.filter((role) => role.node !== node.id && role.weight > 0)
  return rest.length >= world.replicas
}
