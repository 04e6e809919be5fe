/** What this node holds, and how far it is with pulling more, read when somebody scrapes. */
import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { NodeView } from '../../core/node/view.ts'
import { totalOf } from '../../core/repair/partition-size.ts'

export function addTransferMetrics(registry: Registry, view: () => NodeView | undefined): void {
  const gauge = (name: string, help: string, read: (seen: NodeView) => number): void => {
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        const seen = view()
        this.set(seen === undefined ? 0 : read(seen))
      },
    })
  }
  gauge(
    'dnd_transfers_pending',
    'Partitions that this node has still to pull.',
    ({ transfers }) => transfers.pending,
  )
  const sent = (): number => view()?.transfers.sent ?? 0
  new Counter({
    name: 'dnd_transfer_records_sent_total',
    help: 'Records that this node has sent to new owners that pull.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(sent())
    },
  })
  addProgress(registry, view)
  new Counter({
    name: 'dnd_transfer_streams_total',
    help: 'Streams of a partition that this node has read to their end, by what proves them whole.',
    labelNames: ['proof'],
    registers: [registry],
    collect() {
      this.reset()
      const proofs = view()?.transfers.proofs
      for (const proof of ['proven', 'unknown', 'differs'] as const)
        this.inc({ proof }, proofs?.[proof] ?? 0)
    },
  })
  gauge(
    'dnd_transfer_bytes_per_second',
    'Bytes a second while this node pulled in this life; 0: not known.',
    ({ transfers }) => transfers.pulledPerSecond ?? 0,
  )
  gauge(
    'dnd_stored_records',
    'About how many records this node holds, in the partitions that are counted.',
    ({ sizes }) => totalOf(sizes.values()).records,
  )
  gauge(
    'dnd_stored_bytes',
    'About how many bytes of keys and records that is.',
    ({ sizes }) => totalOf(sizes.values()).bytes,
  )
  gauge('dnd_counted_partitions', 'Partitions that are counted.', ({ sizes }) => sizes.size)
}

/** Read so far, and about what it will be; both 0 when nothing is pulled. */
function addProgress(registry: Registry, view: () => NodeView | undefined): void {
  for (const unit of ['records', 'bytes'] as const)
    new Gauge({
      name: `dnd_transfer_${unit}`,
      help: `Of the present pull: ${unit} read from all sources, and about how many it will be.`,
      labelNames: ['of'],
      registers: [registry],
      collect() {
        const progress = view()?.transfers.progress
        this.set({ of: 'read' }, progress?.read[unit] ?? 0)
        this.set({ of: 'expected' }, progress?.expected?.[unit] ?? 0)
      },
    })
}
