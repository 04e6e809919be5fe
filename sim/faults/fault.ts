/** What goes wrong, as data: a scenario lists faults, each with its own dice. */
import type { Prng } from '../../src/core/std/prng.ts'
import type { World } from '../world.ts'
import type { RestoredBackup } from './backup.ts'
import { beginBackup } from './backup.ts'
import type { BitRot } from './bit-rot.ts'
import { beginBitRot } from './bit-rot.ts'
import type { ClockJump } from './clock-jump.ts'
import { beginClockJump } from './clock-jump.ts'
import type { Clogged } from './clog.ts'
import { beginClog } from './clog.ts'
import type { CrashRestart } from './crash-restart.ts'
import { beginCrashRestart } from './crash-restart.ts'
import type { DatagramBlock } from './datagram-block.ts'
import { beginDatagramBlock } from './datagram-block.ts'
import type { FullDisk } from './full-disk.ts'
import { beginFullDisk } from './full-disk.ts'
import type { Join } from './join.ts'
import { beginJoin } from './join.ts'
import type { Leave } from './leave.ts'
import { beginLeave } from './leave.ts'
import type { Operators } from './operators.ts'
import { beginOperators } from './operators.ts'
import type { Partition } from './partition.ts'
import { beginPartition } from './partition.ts'
import type { Pause } from './pause.ts'
import { beginPause } from './pause.ts'
import type { Remove } from './remove.ts'
import { beginRemove } from './remove.ts'
import type { Reweigh } from './reweigh.ts'
import { beginReweigh } from './reweigh.ts'
import type { SlowDisk } from './slow-disk.ts'
import { beginSlowDisk } from './slow-disk.ts'
import type { Swizzle } from './swizzle.ts'
import { beginSwizzle } from './swizzle.ts'
import type { Wipe } from './wipe.ts'
import { beginWipe } from './wipe.ts'

export type Fault =
  | CrashRestart
  | Pause
  | Partition
  | Swizzle
  | Clogged
  | DatagramBlock
  | ClockJump
  | SlowDisk
  | FullDisk
  | BitRot
  | Wipe
  | RestoredBackup
  | Join
  | Leave
  | Remove
  | Reweigh
  | Operators

/** Those in which somebody asks for another layout of those who are there. */
export const RESHAPES = ['leave', 'remove', 'reweigh', 'operators'] as const

export function isReshaping(type: string): boolean {
  return RESHAPES.some((each) => each === type)
}

/** A fault that goes on until it is ended; ending it mends what it broke. */
export interface RunningFault {
  end(): void
}

export function beginFault(world: World, fault: Fault, rng: Prng): RunningFault {
  switch (fault.type) {
    case 'crash-restart':
      return beginCrashRestart(world, fault, rng)
    case 'pause':
      return beginPause(world, fault, rng)
    case 'partition':
      return beginPartition(world, fault, rng)
    case 'swizzle':
      return beginSwizzle(world, fault, rng)
    case 'clog':
      return beginClog(world, fault, rng)
    case 'datagram-block':
      return beginDatagramBlock(world, fault, rng)
    case 'clock-jump':
      return beginClockJump(world, fault, rng)
    case 'slow-disk':
      return beginSlowDisk(world, fault, rng)
    case 'full-disk':
      return beginFullDisk(world, fault, rng)
    case 'bit-rot':
      return beginBitRot(world, fault, rng)
    case 'wipe':
      return beginWipe(world, fault, rng)
    case 'backup':
      return beginBackup(world, fault, rng)
    case 'join':
      return beginJoin(world, fault, rng)
    case 'leave':
      return beginLeave(world, fault, rng)
    case 'remove':
      return beginRemove(world, fault, rng)
    case 'reweigh':
      return beginReweigh(world, fault, rng)
    case 'operators':
      return beginOperators(world, fault, rng)
  }
}
