/**
 * What is kept here for others, and what became of it, read from the node when somebody scrapes.
 */
import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { NodeView } from '../../core/node/view.ts'

type Hints = NodeView['hints']

export function addHintMetrics(registry: Registry, view: () => NodeView | undefined): void {
  new Gauge({
    name: 'dnd_hints_waiting',
    help: 'Hints kept here for a node that is away, by its id.',
    labelNames: ['target'],
    registers: [registry],
    collect() {
      // A target that has got all of its own is not told of any more.
      this.reset()
      for (const { target, count } of view()?.hints.targets ?? []) this.set({ target }, count)
    },
  })
  const gauge = (name: string, help: string, of: (hints: Hints) => number): void => {
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        const seen = view()
        this.set(seen === undefined ? 0 : of(seen.hints))
      },
    })
  }
  const counter = (name: string, help: string, of: (hints: Hints) => number): void => {
    new Counter({
      ...{ name, help, registers: [registry] },
      collect() {
        const seen = view()
        this.reset()
        this.inc(seen === undefined ? 0 : of(seen.hints))
      },
    })
  }
  gauge('dnd_hints_bytes', 'Bytes of all hints kept here.', ({ bytes }) => bytes)
  gauge('dnd_hints_bytes_max', 'How many they may have.', ({ bytesMax }) => bytesMax)
  counter('dnd_hints_kept_total', 'Hints taken.', ({ counts }) => counts.kept)
  counter(
    'dnd_hints_delivered_total',
    'Hints brought to those whom they were kept for.',
    ({ counts }) => counts.delivered,
  )
  counter(
    'dnd_hints_refused_total',
    'Hints not taken, since there was no room. Anti-entropy brings what they would have brought.',
    ({ counts }) => counts.refused,
  )
  counter(
    'dnd_hints_dropped_total',
    'Hints that were too old, or damaged. Anti-entropy brings what they would have brought.',
    ({ counts }) => counts.dropped,
  )
  counter(
    'dnd_hints_received_total',
    'Hints that others have brought here.',
    ({ received }) => received,
  )
}
