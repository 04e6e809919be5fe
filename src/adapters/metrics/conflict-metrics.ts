/**
 * What concurrent writes come to, by bucket, read from the node when somebody scrapes: how many
 * values each read met, as in Dynamo §6.3, and how many reads and writes met a conflict.
 */
import { Counter, Histogram } from 'prom-client'
import type { MetricObjectWithValues, MetricValueWithName, Registry } from 'prom-client'
import type { BucketConflicts } from '../../core/node/conflicts.ts'
import { MET_BOUNDS } from '../../core/node/conflicts.ts'
import type { NodeView } from '../../core/node/view.ts'

/** undefined while there is no node to look at. */
type ReadView = () => NodeView | undefined

const READ_VALUES = {
  name: 'dnd_read_values',
  help: 'Reads that found something, by the number of concurrent values they met.',
}

export function addConflictMetrics(registry: Registry, view: ReadView): void {
  const conflicts = (): Iterable<readonly [string, BucketConflicts]> => view()?.conflicts ?? []
  new Counter({
    name: 'dnd_conflicts_total',
    help: 'Reads that met several concurrent values, and writes that left some beside theirs.',
    labelNames: ['bucket', 'op'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [bucket, { reads, writes }] of conflicts()) {
        const [, ...several] = reads
        this.inc(
          { bucket, op: 'read' },
          several.reduce((sum, count) => sum + count, 0),
        )
        this.inc({ bucket, op: 'write' }, writes)
      }
    },
  })
  new ReadValues(registry, conflicts)
}

/** A histogram whose values are read when it is scraped, as those of latencies are. */
class ReadValues extends Histogram<string> {
  readonly #conflicts: () => Iterable<readonly [string, BucketConflicts]>

  constructor(registry: Registry, conflicts: () => Iterable<readonly [string, BucketConflicts]>) {
    super({ ...READ_VALUES, labelNames: ['bucket'], registers: [registry] })
    this.#conflicts = conflicts
  }

  // The base class assigns nothing here, so that these stand on the prototype and win.
  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    return this.getForPromString()
  }

  /** What the registry asks for when it writes text. */
  async getForPromString(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const values = [...this.#conflicts()].flatMap(([bucket, counts]) => valuesOf(bucket, counts))
    const described = { ...READ_VALUES, type: 'histogram', aggregator: 'sum', values }
    return described as unknown as MetricObjectWithValues<MetricValueWithName<string>>
  }
}

/** Cumulative, as Prometheus wants them. */
function valuesOf(
  bucket: string,
  { reads, valuesRead }: BucketConflicts,
): MetricValueWithName<string>[] {
  const { name } = READ_VALUES
  const values: MetricValueWithName<string>[] = []
  let count = 0
  for (const [place, met] of reads.entries()) {
    count += met
    const le = place < MET_BOUNDS.length ? String(MET_BOUNDS[place]) : '+Inf'
    values.push({ metricName: `${name}_bucket`, labels: { bucket, le }, value: count })
  }
  values.push({ metricName: `${name}_sum`, labels: { bucket }, value: valuesRead })
  values.push({ metricName: `${name}_count`, labels: { bucket }, value: count })
  return values
}
