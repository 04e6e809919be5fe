/** The rooms that say who holds what, and the registers that they choose layouts by. */
import type { NodeId } from '../std/ids.ts'
import type { Swim } from '../membership/swim.ts'
import type { MemberInfo } from '../membership/member.ts'
import { isLive } from '../membership/member-order.ts'
import { LAYOUT_REGISTERS_SINCE, leastProtocol } from '../wire/protocol.ts'
import type { BucketRegistry } from './bucket-registry.ts'
import type { Adoption } from './layout-keeper.ts'
import { LayoutKeeper } from './layout-keeper.ts'
import type { NodeOptions } from './options.ts'
import type { Outlet } from './outlet.ts'
import { Registers } from './registers.ts'
import { Replacing } from './replacing.ts'

/** The protocol that all members speak that are up: this node would talk past the others. */
export function spokenByAll(swim: Swim): number {
  const live = swim.records().filter(isLive)
  return leastProtocol(live.map(({ info }) => info.protocol))
}

export interface LayoutMachines {
  readonly layout: LayoutKeeper
  readonly registers: Registers
  readonly replacing: Replacing
}

export interface LayoutWiring {
  readonly self: MemberInfo
  readonly buckets: BucketRegistry
  readonly swim: Swim
  readonly giveUp: () => void
  readonly adopted: (adoption: Adoption) => void
  /** Exchanges states with a node. */
  readonly contact: (peer: NodeId) => void
}

export function buildLayout(
  options: NodeOptions,
  outlet: Outlet,
  { self, swim, buckets, giveUp, adopted, contact }: LayoutWiring,
): LayoutMachines {
  const { store, checksum, rng } = options
  const registers = new Registers(outlet, {
    ...{ store, checksum, rng: rng.fork() },
    serves: (key) => layout.register.serves(key),
    mayAccept: (_, value) => layout.register.mayAccept(value),
    differs: (peer, which) => (which === 'ahead' ? outlet.tell(peer) : contact(peer)),
  })
  const layout: LayoutKeeper = new LayoutKeeper(outlet, {
    ...{ self, rng: rng.fork(), store, registers, adopted },
    replaces: () => replacing.wanted(),
    mayPropose: () => spokenByAll(swim) >= LAYOUT_REGISTERS_SINCE,
    leastR: () => buckets.leastR(),
    hasLeft: (node) => swim.record(node)?.state === 'left',
    isManual: options.config.manualLayout,
    knownVersion: options.knownVersion,
  })
  const replacing = new Replacing(outlet, {
    ...{ wish: options.replaces, giveUp },
    layout: () => layout.state,
    members: () => swim.known(),
    isAlive: (node) => swim.isAlive(node),
  })
  return { layout, registers, replacing }
}
