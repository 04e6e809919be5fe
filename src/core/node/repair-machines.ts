/**
 * The machines that bring replicas together, built and wired as those of `machines.ts` are: hints
 * for those that were away, hash trees and exchanges, and reaping, which rests on what exchanges
 * have told of the others.
 */
import type { PartitionId } from '../std/ids.ts'
import { Exchanges } from '../repair/exchanges.ts'
import { AntiEntropy } from './anti-entropy.ts'
import { Trees } from './anti-entropy-trees.ts'
import type { Exchanging } from './exchanging.ts'
import { HintIntake } from './hint-intake.ts'
import { Hinting } from './hinting.ts'
import type { Base } from './machines.ts'
import type { NodeOptions } from './options.ts'
import { Reaping } from './reaping.ts'
import { partitionRange } from './storage-keys.ts'

export interface RepairMachines {
  readonly reaping: Reaping
  readonly trees: Trees
  readonly antiEntropy: AntiEntropy
  readonly hinting: Hinting
  readonly hintIntake: HintIntake
}

/** The trees follow the changes of records, and are built after what makes them. */
export interface Tracked {
  trees: Trees | undefined
  exchanging: Exchanging | undefined
}

/** What the machines of repair are told by the others. */
interface RepairWiring {
  readonly tracked: Tracked
  readonly isReady: () => boolean
  readonly unreadable: (key: Uint8Array) => void
}

export function buildRepair(
  options: NodeOptions,
  base: Base,
  wiring: RepairWiring,
): RepairMachines {
  const { outlet, background, holdings, buckets, layout } = base
  const { unreadable } = wiring
  const { trees, antiEntropy } = buildAntiEntropy(options, base, {
    ...wiring,
    raised: (partition) => reaping.wake(partition),
  })
  const reaping: Reaping = new Reaping(outlet, {
    ...{ layout, buckets, holdings, unreadable },
    floorOf: (partition) => antiEntropy.floorOf(partition),
    horizonOf: (partition) => antiEntropy.horizonOf(partition),
    admit: (go) => background.admit('reaping', go),
    isComparing: (partition) => antiEntropy.exchanging.isComparing(partition),
  })
  return { trees, antiEntropy, reaping, ...buildHints(options, base, unreadable) }
}

/** Comparing what is held here with the other replicas. */
function buildAntiEntropy(
  options: NodeOptions,
  { outlet, background, holdings, layout }: Base,
  wiring: RepairWiring & { readonly raised: (partition: PartitionId) => void },
): Pick<RepairMachines, 'trees' | 'antiEntropy'> {
  const { store, checksum, config, rng } = options
  const { isReady, unreadable, raised } = wiring
  const admit = (go: () => void): void => background.admit('exchange', go)
  const trees = new Trees(outlet, {
    ...{ store, holdings, checksum, unreadable, scrubIntervalMs: config.scrubIntervalMs },
    admit: (work, go) => background.admit(work, go),
    held: () => layout.held(),
    partitions: () => layout.state?.current.partitions ?? 0,
    dropped: (partition) => antiEntropy.exchanging.dropped(partition),
  })
  wiring.tracked.trees = trees
  const exchanges = new Exchanges({
    ...{ checksum, rangeOf: partitionRange, treeOf: (partition) => trees.of(partition) },
    shown: (partition, key) => holdings.shown(partition, key),
  })
  const antiEntropy: AntiEntropy = new AntiEntropy(outlet, {
    exchanges,
    ...{ layout, holdings, trees, checksum, isReady, unreadable, raised, admit, rng: rng.fork() },
    ...{ intervalMs: config.antiEntropyIntervalMs, skewMs: config.clockSkewMaxMs },
  })
  wiring.tracked.exchanging = antiEntropy.exchanging
  return { trees, antiEntropy }
}

/** Writes that others have missed, and those that this node has. */
function buildHints(
  { config, checksum }: NodeOptions,
  { outlet, background, clock, holdings, actors, layout }: Base,
  unreadable: (key: Uint8Array) => void,
): Pick<RepairMachines, 'hinting' | 'hintIntake'> {
  const admit = (go: () => void): void => background.admit('hints', go)
  const { hintBytesMax: bytesMax, hintAgeMaxMs: ageMaxMs } = config
  return {
    hinting: new Hinting(outlet, {
      ...{ layout, holdings, clock, checksum, bytesMax, ageMaxMs, admit },
    }),
    hintIntake: new HintIntake(outlet, { layout, holdings, actors, clock, admit, unreadable }),
  }
}
