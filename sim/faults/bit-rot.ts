/**
 * Stored records come back with flipped bits. The checksum must notice, the node must neither show
 * nor coordinate on them, and the others must mend them.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import { parseRecordKey } from '../../src/core/node/storage-keys.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import { someOf } from './episodes.ts'
import type { RunningFault } from './fault.ts'

export interface BitRot {
  readonly type: 'bit-rot'
  readonly calmMs: Range
  /** Share of the victim's records that rot at once. */
  readonly share: Range
}

export function beginBitRot(world: World, fault: BitRot, rng: Prng): RunningFault {
  let ended = false
  const strike = (): void => {
    if (ended) return
    const [victim] = someOf(world, 1, rng)
    if (victim !== undefined && world.atlas.mayDamage(victim)) spoil(world, fault, victim, rng)
    calm()
  }
  const calm = (): void => world.queue.after(within(fault.calmMs, rng), strike)
  calm()
  return {
    end(): void {
      ended = true
    },
  }
}

function spoil(world: World, fault: BitRot, victim: SimNode, rng: Prng): void {
  const share = within(fault.share, rng)
  const records = victim.disk
    .durableEntries()
    .filter(({ key }) => parseRecordKey(key) !== undefined && rng.chance(share))
    .filter(({ key }) => world.atlas.isHeldElsewhere(victim, key))
  if (records.length === 0) return
  world.announce('bit rot', `n${victim.index + 1}, ${records.length} records`)
  world.atlas.strike(victim, 'rot', () => {
    for (const { key } of records) victim.disk.rot(key, rng.u32(), 1 << rng.below(8))
  })
}
