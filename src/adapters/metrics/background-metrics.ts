/**
 * How much background work goes, and what requests wait for meanwhile, read from the node when
 * somebody scrapes.
 */
import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { BackgroundView } from '../../core/node/background.ts'
import type { NodeView } from '../../core/node/view.ts'

export function addBackgroundMetrics(registry: Registry, view: () => NodeView | undefined): void {
  const read = (): BackgroundView | undefined => view()?.background
  new Counter({
    name: 'dnd_background_units_total',
    help: 'Units of background work that went, by kind of work.',
    labelNames: ['work'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { work, units } of read()?.work ?? []) this.inc({ work }, units)
    },
  })
  new Gauge({
    name: 'dnd_background_waiting',
    help: 'Units of background work that wait for the foreground, by kind of work.',
    labelNames: ['work'],
    registers: [registry],
    collect() {
      for (const { work, waiting } of read()?.work ?? []) this.set({ work }, waiting)
    },
  })
  new Gauge({
    name: 'dnd_background_units_per_second',
    help: 'Units of background work that may go at present.',
    registers: [registry],
    collect() {
      this.set(read()?.unitsPerSecond ?? 0)
    },
  })
  new Gauge({
    name: 'dnd_foreground_wait_seconds',
    help: '99th percentile of what requests waited for in the last minute, in the last quiet seconds, and the limit.',
    labelNames: ['wait', 'of'],
    registers: [registry],
    collect() {
      for (const { wait, p99Ms, quietP99Ms, limitMs } of read()?.waits ?? []) {
        this.set({ wait, of: 'minute' }, p99Ms / 1_000)
        this.set({ wait, of: 'quiet' }, quietP99Ms / 1_000)
        this.set({ wait, of: 'limit' }, limitMs / 1_000)
      }
    },
  })
}
