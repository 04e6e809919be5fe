/**
 * What anti-entropy has done and how things stand with it, read from the node when somebody
 * scrapes.
 */
import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { AntiEntropyView } from '../../core/node/anti-entropy.ts'
import type { NodeView } from '../../core/node/view.ts'

/** undefined while there is no node to look at. */
type ReadView = () => NodeView | undefined
type Read = (view: AntiEntropyView) => number

export function addRepairMetrics(registry: Registry, view: ReadView): void {
  const read = (of: Read): number => {
    const seen = view()
    return seen === undefined ? 0 : of(seen.antiEntropy)
  }
  addCounters((name, help, of) => {
    new Counter({
      ...{ name, help, registers: [registry] },
      collect() {
        this.reset()
        this.inc(read(of))
      },
    })
  })
  addGauges((name, help, of) => {
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        this.set(read(of))
      },
    })
  })
}

type Add = (name: string, help: string, of: Read) => void

function addCounters(counter: Add): void {
  counter(
    'dnd_exchanges_total',
    'Comparisons of a partition with another replica that came to their end, whoever began them.',
    ({ counts }) => counts.completed,
  )
  counter(
    'dnd_exchanges_failed_total',
    'Comparisons that this node began and that came to nothing; they are made again.',
    ({ counts }) => counts.failed,
  )
  counter(
    'dnd_exchange_differences_total',
    'Keys that differed in comparisons.',
    ({ counts }) => counts.found,
  )
  counter(
    'dnd_exchange_records_received_total',
    'Records that comparisons have brought and that were news here.',
    ({ counts }) => counts.received,
  )
  counter(
    'dnd_exchange_records_sent_total',
    'Records sent to other replicas in comparisons.',
    ({ counts }) => counts.sent,
  )
  counter(
    'dnd_scrub_records_total',
    'Records read from the disk and checked in the background.',
    ({ trees }) => trees.checked,
  )
  counter(
    'dnd_scrub_broken_total',
    'Records found broken in the background.',
    ({ trees }) => trees.broken,
  )
}

function addGauges(gauge: Add): void {
  gauge(
    'dnd_exchanges_active',
    'Comparisons under way that this node began.',
    ({ active }) => active,
  )
  gauge(
    'dnd_hash_trees_missing',
    'Partitions whose hash tree is still being made of their records.',
    ({ trees }) => trees.missing,
  )
  gauge(
    'dnd_partitions_doubtful',
    'Partitions in which something broke, and that were not compared with all replicas since.',
    ({ doubtful }) => doubtful,
  )
}
