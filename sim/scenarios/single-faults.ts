/** One kind of fault each, on five nodes under load: where a failure says by itself what did it. */
import type { Fault } from '../faults/fault.ts'
import type { PartitionShape } from '../faults/partition.ts'
import type { Scenario } from './scenario.ts'
import { STANDARD } from './standard.ts'

const SHAPES: readonly PartitionShape[] = ['isolated', 'split', 'mute', 'deaf', 'pair', 'one-way']

function five(name: string, about: string, faults: readonly Fault[]): Scenario {
  return { ...STANDARD, name, about: `five nodes, ${about}`, nodes: 5, born: 5, faults }
}

/**
 * Where disks lose something, no request may ask for less than its bucket does: one acknowledgement
 * that was asked for is one disk that holds the write.
 */
function losing(scenario: Scenario): Scenario {
  const { workload } = scenario
  return { ...scenario, workload: { ...workload, weakensQuorums: false } }
}

const pause: Scenario = five('pause', 'some of which stand still for a while and go on', [
  { type: 'pause', victims: [1, 2], calmMs: [200, 2_000], lastsMs: [100, 8_000] },
])

const clockJump: Scenario = five(
  'clock-jump',
  'whose wall clocks are stepped by up to ten seconds',
  [{ type: 'clock-jump', calmMs: [100, 1_000], lastsMs: [500, 5_000], byMs: [1, 10_000] }],
)

const clogged: Scenario = five('clogged', 'links clog: what passes them is late and slow', [
  {
    type: 'clog',
    shapes: SHAPES,
    calmMs: [200, 2_000],
    lastsMs: [500, 6_000],
    delayMs: [10, 2_000],
    bytesPerMs: [10, 1_000],
  },
])

const swizzle: Scenario = five('swizzle', 'links are cut one by one and opened in another order', [
  {
    type: 'swizzle',
    victims: [1, 4],
    calmMs: [500, 2_000],
    stepMs: [10, 400],
    holdMs: [100, 2_000],
  },
])

const slowDisk: Scenario = five('slow-disk', 'one disk at a time is many times slower', [
  { type: 'slow-disk', calmMs: [200, 2_000], lastsMs: [1_000, 6_000], times: [5, 200] },
])

const fullDisk: Scenario = five('full-disk', 'one or two disks at a time are full', [
  { type: 'full-disk', victims: [1, 2], calmMs: [200, 2_000], lastsMs: [500, 5_000] },
])

const bitRot: Scenario = losing(
  five('bit-rot', 'records rot on one disk, and are mended before the next', [
    { type: 'bit-rot', calmMs: [200, 1_500], share: [0.1, 1] },
  ]),
)

const wipe: Scenario = losing(
  five('wipe', 'one loses its disk and comes back as a new node', [
    { type: 'wipe', calmMs: [1_000, 5_000], downMs: [0, 4_000] },
  ]),
)

export const SINGLE_FAULTS: readonly Scenario[] = [
  pause,
  clockJump,
  clogged,
  swizzle,
  slowDisk,
  fullDisk,
  bitRot,
  wipe,
]
