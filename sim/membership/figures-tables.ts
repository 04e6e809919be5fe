/**
 * The figures of the failure detector, each a table in Markdown. Everything is measured at the
 * defaults of a node, in worlds whose seeds are 1, 2, 3 and so on.
 */
import type { Range } from '../seed.ts'
import { stream } from '../seed.ts'
import type { FiguresSettings } from './figures-options.ts'
import type { Detection } from './measure.ts'
import { claimsAmong, detectCrash, median, percentile } from './measure.ts'
import { MembershipWorld } from './membership-world.ts'

const LOSSES: readonly number[] = [0, 0.05, 0.3]
/** Beyond this size a second of the world costs so much that there are fewer of them. */
const NODES_CHEAP = 100
/** Crashes in each world, of cheap nodes and others; the crashed come back before the next. */
const CRASHES = 5
const CRASHES_DEAR = 3
/** Time for local health and the like to settle before anything is measured. */
const SETTLE_MS = 20_000
/** Between a restart and the next crash: the news is out, and probes are at another point. */
const BETWEEN_MS: Range = [5_000, 6_000]

const ACCURACY_NODES = 100
const STALLING: readonly number[] = [0, 0.01, 0.1]
const STALL_MS = 2_000
/** How long a stalling node runs before it stalls again. */
const RUN_MS: Range = [1_000, 5_000]

const IDLE_MS = 30_000
/** An event begins with the crash and ends so long after everybody knows of it. */
const AFTERMATH_MS = 2_000

type Print = (line: string) => void

export function printFigures(settings: FiguresSettings, print: Print): void {
  const tables = { detection: detectionTable, accuracy: accuracyTable, load: loadTable }
  for (const [i, part] of settings.parts.entries()) {
    if (i > 0) print('')
    tables[part](settings, print)
  }
}

/** How many worlds of `nodes` are worth their time. */
function worldsOf(nodes: number, seeds: number): number {
  const share = nodes <= NODES_CHEAP ? 1 : NODES_CHEAP / nodes / 2
  return Math.max(1, Math.ceil(seeds * share))
}

function detectionTable({ nodes, seeds }: FiguresSettings, print: Print): void {
  print('seconds from a crash, median / 99th percentile, which is the worst of less than a hundred')
  print('')
  print('| nodes | loss | crashes | first suspicion | first dead | known by all |')
  print('| ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const size of nodes)
    for (const loss of LOSSES) {
      const detections: Detection[] = []
      let missed = 0
      for (let seed = 1; seed <= worldsOf(size, seeds); seed++)
        for (const detection of crashesOf(size, seed, loss))
          if (detection === undefined) missed++
          else detections.push(detection)
      const cells = [
        detections.map(({ suspectedMs }) => suspectedMs),
        detections.map(({ deadMs }) => deadMs),
        detections.map(({ knownByAllMs }) => knownByAllMs),
      ].map((sample) => `${seconds(median(sample))} / ${seconds(percentile(sample, 0.99))}`)
      const crashes = missed === 0 ? `${detections.length}` : `${detections.length} + ${missed}`
      print(`| ${[size, percent(loss), crashes, ...cells].join(' | ')} |`)
    }
}

function* crashesOf(nodes: number, seed: number, loss: number): Generator<Detection | undefined> {
  const world = new MembershipWorld({ nodes, seed, loss })
  const rng = stream(seed, 'crashes')
  const crashes = nodes <= NODES_CHEAP ? CRASHES : CRASHES_DEAR
  world.run(SETTLE_MS + rng.fraction() * 1_000)
  for (let crash = 0; crash < crashes; crash++) {
    const victim = rng.below(nodes)
    yield detectCrash(world, victim)
    world.restart(victim)
    world.run(BETWEEN_MS[0] + rng.fraction() * (BETWEEN_MS[1] - BETWEEN_MS[0]))
    world.sightings = []
  }
}

function accuracyTable({ hours }: FiguresSettings, print: Print): void {
  const stall = `${STALL_MS / 1_000} s at a time, ${RUN_MS.map((ms) => ms / 1_000).join(' to ')} s apart`
  print(`false claims in each node-hour, of ${ACCURACY_NODES} nodes; stalling ${stall}`)
  print('')
  print(
    '| stalling | node-hours | standstills | healthy suspected | healthy called dead ' +
      '| stalling suspected | stalling called dead |',
  )
  print('| ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const share of STALLING) {
    const slow = Math.round(share * ACCURACY_NODES)
    const world = new MembershipWorld({ nodes: ACCURACY_NODES, seed: 1 })
    const lastsMs = (hours / ACCURACY_NODES) * 3_600_000
    world.run(SETTLE_MS)
    for (let index = 0; index < slow; index++)
      world.stallAgainAndAgain(index, STALL_MS, RUN_MS, SETTLE_MS + lastsMs)
    world.run(lastsMs)
    const claims = (isSlow: boolean, state: 'suspect' | 'dead'): string => {
      const among = world.sightings.filter(
        ({ subject, to }) => to === state && subject < slow === isSlow,
      )
      return (claimsAmong(among) / hours).toFixed(2)
    }
    const cells = [claims(false, 'suspect'), claims(false, 'dead')]
    cells.push(...(slow === 0 ? ['', ''] : [claims(true, 'suspect'), claims(true, 'dead')]))
    const standstills = world.standstills
    print(`| ${[percent(share), hours, standstills, ...cells].join(' | ')} |`)
  }
}

function loadTable({ nodes, seeds }: FiguresSettings, print: Print): void {
  print('sent by each node each second, idle and from a crash until two seconds after all know')
  print('')
  print(
    '| nodes | idle, packets | idle, bytes | crash, packets | crash, bytes ' +
      '| full states over TCP, idle |',
  )
  print('| ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const size of nodes) {
    const idle = new Rates(size)
    const event = new Rates(size)
    for (let seed = 1; seed <= worldsOf(size, Math.ceil(seeds / CRASHES)); seed++) {
      const world = new MembershipWorld({ nodes: size, seed })
      world.run(SETTLE_MS)
      idle.during(world, () => world.run(IDLE_MS))
      event.during(world, () => {
        detectCrash(world, stream(seed, 'crashes').below(size))
        world.run(AFTERMATH_MS)
      })
    }
    const cells = [idle.packets, idle.bytes, event.packets, event.bytes, idle.states]
    print(`| ${[size, ...cells].join(' | ')} |`)
  }
}

/** What each node sends each second, over some spans of time. */
class Rates {
  readonly #nodes: number
  #ms = 0
  #packets = 0
  #bytes = 0
  #states = 0

  constructor(nodes: number) {
    this.#nodes = nodes
  }

  during(world: MembershipWorld, run: () => void): void {
    const began = world.nowMs
    world.traffic.reset()
    run()
    this.#ms += world.nowMs - began
    this.#packets += world.traffic.packets
    this.#bytes += world.traffic.bytes
    this.#states += world.traffic.states
  }

  get packets(): string {
    return this.#each(this.#packets).toFixed(2)
  }

  get bytes(): string {
    return this.#each(this.#bytes).toFixed(0)
  }

  get states(): string {
    return this.#each(this.#states).toFixed(2)
  }

  #each(count: number): number {
    return count / this.#nodes / (this.#ms / 1_000)
  }
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1)
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
