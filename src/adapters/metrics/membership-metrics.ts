/**
 * What the failure detector has done and how things stand with it, read from the node when somebody
 * scrapes.
 *
 * Round trips are told as a median and a maximum and not for each member: a label that names
 * members would leave a series behind for each one that ever was.
 */
import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { SwimCounts } from '../../core/membership/swim-counts.ts'
import type { NodeView } from '../../core/node/view.ts'

/** undefined while there is no node to look at. */
type ReadView = () => NodeView | undefined

/** Packets have a label, and refutations are counted as notes. */
type PlainCount = Exclude<keyof SwimCounts, 'packetsSent' | 'packetsReceived' | 'refutations'>

const PLAIN: Readonly<Record<PlainCount, readonly [name: string, help: string]>> = {
  probes: ['probes_total', 'Probes of other members.'],
  probeTimeouts: [
    'probe_timeouts_total',
    'Probes without a direct ack in time, for which helpers were asked and TCP was tried.',
  ],
  probesFailed: ['probes_failed_total', 'Probes that nobody has answered in any way.'],
  probesIndirect: [
    'probes_indirect_total',
    'Probes answered through a helper or over TCP alone: the direct way over UDP is broken.',
  ],
  suspicionsRaised: [
    'suspicions_raised_total',
    'Times this node itself has called a member suspect.',
  ],
  suspicionsRefuted: [
    'suspicions_refuted_total',
    'Suspects, whoever accused them, who have shown that they live.',
  ],
  falseDeaths: [
    'false_deaths_total',
    'Members called dead, here or elsewhere, who had been alive all the time.',
  ],
  stalls: ['stalls_total', 'Times this node stood still for too long to judge others.'],
  digestSyncs: [
    'digest_syncs_total',
    'Full exchanges of members, begun because two nodes knew different things.',
  ],
  claimsRefused: [
    'claims_refused_total',
    'Claims about members that were forged, implausible or without proof.',
  ],
}

export function addMembershipMetrics(registry: Registry, view: ReadView): void {
  const counts = (): Readonly<SwimCounts> | undefined => view()?.swim.counts
  for (const [count, [name, help]] of Object.entries(PLAIN) as [PlainCount, [string, string]][])
    new Counter({
      ...{ name: `dnd_membership_${name}`, help, registers: [registry] },
      collect() {
        this.reset()
        this.inc(counts()?.[count] ?? 0)
      },
    })
  new Counter({
    name: 'dnd_membership_packets_total',
    help: 'Packets of the failure detector, by direction.',
    labelNames: ['direction'],
    registers: [registry],
    collect() {
      this.reset()
      this.inc({ direction: 'sent' }, counts()?.packetsSent ?? 0)
      this.inc({ direction: 'received' }, counts()?.packetsReceived ?? 0)
    },
  })
  addGauges(registry, view)
  addRoundTrips(registry, view)
}

function addGauges(registry: Registry, view: ReadView): void {
  const gauge = (name: string, help: string, read: (view: NodeView) => number): void => {
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        const seen = view()
        this.set(seen === undefined ? 0 : read(seen))
      },
    })
  }
  gauge(
    'dnd_gossip_queue',
    'News of members waiting to be passed on.',
    ({ swim }) => swim.gossipQueue,
  )
  gauge(
    'dnd_local_health',
    'Local health of this node: 0 is best; at 7 it gives others eight times as long before it doubts them.',
    ({ swim }) => swim.localHealth,
  )
  gauge(
    'dnd_membership_degraded',
    'Members, this node included, that say they are slow or badly connected.',
    ({ members }) =>
      members.filter(
        ({ state, degraded }) => degraded === true && (state === 'alive' || state === 'suspect'),
      ).length,
  )
  gauge(
    'dnd_membership_cloned',
    'Whether another process has the identity of this node, so that it refuses all writes: 1 or 0.',
    ({ clonedBy }) => (clonedBy === undefined ? 0 : 1),
  )
}

function addRoundTrips(registry: Registry, view: ReadView): void {
  new Gauge({
    name: 'dnd_membership_round_trip_seconds',
    help: 'Smoothed round trip of probes to those members that are up: the median (0.5) and the longest (1).',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      this.reset()
      const seen = view()
      const sorted = seen === undefined ? [] : roundTripsOf(seen).sort((a, b) => a - b)
      // Nothing measured is no measurement of nothing.
      if (sorted.length === 0) return
      this.set({ quantile: '0.5' }, sorted[Math.floor((sorted.length - 1) / 2)]! / 1000)
      this.set({ quantile: '1' }, sorted.at(-1)! / 1000)
    },
  })
}

function roundTripsOf({ members, standings }: NodeView): number[] {
  return members
    .filter(({ state }) => state === 'alive' || state === 'suspect')
    .map(({ info }) => standings.get(info.id)?.roundTripMs)
    .filter((ms) => ms !== undefined)
}
