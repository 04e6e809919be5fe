/**
 * Somebody restores a backup: a node comes back with the disk that it had some time ago, under the
 * same id. It has forgotten what it promised since, without being able to know that.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { Backup, SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import { someOf } from './episodes.ts'
import type { RunningFault } from './fault.ts'

export interface RestoredBackup {
  readonly type: 'backup'
  readonly calmMs: Range
  /** From the making of the backup to its use, milliseconds. */
  readonly ageMs: Range
  readonly downMs: Range
}

export function beginBackup(world: World, fault: RestoredBackup, rng: Prng): RunningFault {
  let ended = false
  let down: SimNode | undefined
  const restart = (): void => {
    if (down !== undefined && !down.isUp) down.start()
    down = undefined
  }
  const calm = (): void => world.queue.after(within(fault.calmMs, rng), take)
  const take = (): void => {
    const [victim] = someOf(world, 1, rng)
    if (victim === undefined) return calm()
    const backup = victim.backup()
    const version = layoutVersion(victim)
    world.queue.after(within(fault.ageMs, rng), () => restore(victim, backup, version))
  }
  const restore = (victim: SimNode, backup: Backup, version: number | undefined): void => {
    if (ended) return
    // A layout that was adopted is a promise to those who pulled under it: none may be taken back.
    const fits = victim.id === backup.id && version === layoutVersion(victim)
    if (!victim.isUp || !fits || !world.atlas.mayDamage(victim)) return calm()
    world.announce('backup', `n${victim.index + 1} is rolled back`)
    world.atlas.strike(victim, 'backup', () => victim.rollBack(backup))
    down = victim
    world.queue.after(within(fault.downMs, rng), () => {
      if (ended) return
      restart()
      calm()
    })
  }
  calm()
  return {
    end(): void {
      ended = true
      restart()
    },
  }
}

/** Version of the layout that the node knows, while nothing moves. */
function layoutVersion(node: SimNode): number | undefined {
  const layout = node.machine?.view().layout
  return layout?.previous === undefined ? layout?.current.version : undefined
}
