/** Results as tables: one run, the median of its rounds; or two runs side by side. */

export interface Measurement {
  readonly nodes: number
  readonly op: 'PUT' | 'GET'
  readonly perSecond: number
  /** CPU over all node processes for each operation, microseconds. */
  readonly cpuMicros: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly errors: number
}

export interface BenchResult {
  readonly at: string
  readonly node: string
  readonly kernel: string
  readonly cores: number
  readonly engine: string
  readonly seconds: number
  readonly measurements: readonly Measurement[]
}

type Figure = Exclude<keyof Measurement, 'nodes' | 'op'>

/** Rows of a table: three nodes before one, writes before reads. */
const ROWS = [
  { nodes: 3, op: 'PUT', label: '3 nodes  PUT (N=3, W=2, durable)' },
  { nodes: 3, op: 'GET', label: '3 nodes  GET (R=2)' },
  { nodes: 1, op: 'PUT', label: '1 node   PUT (durable)' },
  { nodes: 1, op: 'GET', label: '1 node   GET' },
] as const

export function printResults(result: BenchResult): void {
  console.log(
    `${result.engine}, Node ${result.node}, ${result.cores} cores, medians of the rounds\n`,
  )
  console.log(
    `${''.padEnd(34)}${heads(['op/s', 'CPU µs/op', 'p50 ms', 'p99 ms', 'p99.9 ms', 'errors'])}`,
  )
  for (const { nodes, op, label } of ROWS) {
    const of = (figure: Figure): number => median(result, nodes, op, figure)
    const cells = [
      ...[of('perSecond').toFixed(0), of('cpuMicros').toFixed(0), of('p50').toFixed(2)],
      ...[of('p99').toFixed(2), of('p999').toFixed(2), of('errors').toFixed(0)],
    ]
    console.log(`${label.padEnd(34)}${heads(cells)}`)
  }
}

export function printComparison(a: BenchResult, b: BenchResult): void {
  console.log(`A: ${a.at} ${a.engine} Node ${a.node}\nB: ${b.at} ${b.engine} Node ${b.node}\n`)
  console.log(
    `${''.padEnd(34)}${heads(['CPU A', 'CPU B', 'B/A', 'op/s A', 'op/s B', 'B/A', 'p99 A', 'p99 B'])}`,
  )
  for (const { nodes, op, label } of ROWS) {
    const pair = (figure: Figure): [number, number] => [
      median(a, nodes, op, figure),
      median(b, nodes, op, figure),
    ]
    const [cpuA, cpuB] = pair('cpuMicros')
    const [rateA, rateB] = pair('perSecond')
    const [tailA, tailB] = pair('p99')
    const cells = [
      ...[cpuA.toFixed(0), cpuB.toFixed(0), (cpuB / cpuA).toFixed(2)],
      ...[
        rateA.toFixed(0),
        rateB.toFixed(0),
        (rateB / rateA).toFixed(2),
        tailA.toFixed(2),
        tailB.toFixed(2),
      ],
    ]
    console.log(`${label.padEnd(34)}${heads(cells)}`)
  }
}

function median(result: BenchResult, nodes: number, op: string, figure: Figure): number {
  const values = result.measurements
    .filter((measurement) => measurement.nodes === nodes && measurement.op === op)
    .map((measurement) => measurement[figure])
    .toSorted((x, y) => x - y)
  const middle = values.length >> 1
  if (values.length === 0) return Number.NaN
  return values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2
}

function heads(cells: readonly string[]): string {
  return cells.map((cell) => cell.padStart(11)).join('')
}
