import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addHistograms, figuresOf, histogramSince, parseMetrics, quantile } from './metrics.ts'

const SCRAPE = `# HELP dnd_requests_total Requests answered.
# TYPE dnd_requests_total counter
dnd_requests_total{api="http",op="get",code="200"} 90
dnd_requests_total{api="http",op="list",code="503"} 10
dnd_requests_total{api="http",op="put",code="200"} 40
dnd_requests_total{api="http",op="info",code="200"} 7000
dnd_request_duration_seconds_bucket{le="0.001",api="http",op="get"} 50
dnd_request_duration_seconds_bucket{le="0.01",api="http",op="get"} 90
dnd_request_duration_seconds_bucket{le="+Inf",api="http",op="get"} 90
dnd_request_duration_seconds_bucket{le="0.001",api="http",op="list"} 0
dnd_request_duration_seconds_bucket{le="0.01",api="http",op="list"} 10
dnd_request_duration_seconds_bucket{le="+Inf",api="http",op="list"} 10
dnd_transfers_pending 12
dnd_disk_bytes{of="data"} 4096
dnd_disk_bytes{of="free"} 1000
dnd_disk_bytes{of="total"} 5000
process_cpu_seconds_total 3.5
from_the_future{a="b"} what
`

test('lines become samples with their labels, escapes undone; what is no line is passed over', () => {
  const samples = parseMetrics('a{x="1\\"2",y="l\\nm"} 3\n\nnonsense\nb 1e3\nc NaN\nd +Inf\n')
  assert.deepEqual(
    [...samples],
    [
      ['a', [{ labels: { x: '1"2', y: 'l\nm' }, value: 3 }]],
      ['b', [{ labels: {}, value: 1000 }]],
      ['d', [{ labels: {}, value: Infinity }]],
    ],
  )
})

test('a scrape comes to what the console shows of a node', () => {
  const figures = figuresOf(SCRAPE)
  assert.deepEqual([figures.reads, figures.writes, figures.failures], [100, 40, 10])
  assert.deepEqual(figures.readLatency, { bounds: [0.001, 0.01, Infinity], counts: [50, 100, 100] })
  assert.deepEqual(figures.writeLatency, { bounds: [], counts: [] })
  assert.deepEqual(figures.disk, { data: 4096, free: 1000, total: 5000 })
  assert.deepEqual([figures.transfersPending, figures.cpuSeconds], [12, 3.5])
  assert.equal(figuresOf('').disk, undefined)
})

test('a quantile lies within its class, at the share of it that is needed', () => {
  const histogram = { bounds: [1, 2, Infinity], counts: [50, 100, 100] }
  assert.equal(quantile(histogram, 0.25), 0.5)
  assert.equal(quantile(histogram, 0.5), 1)
  assert.equal(quantile(histogram, 0.75), 1.5)
  assert.equal(
    quantile({ bounds: [1, Infinity], counts: [0, 5] }, 0.99),
    1,
    'beyond the last bound',
  )
  assert.equal(quantile({ bounds: [1, Infinity], counts: [0, 0] }, 0.5), undefined)
  assert.equal(quantile({ bounds: [], counts: [] }, 0.5), undefined)
})

test('what came since is the difference, and after a new start all that there is', () => {
  const bounds = [1, Infinity]
  const before = { bounds, counts: [5, 8] }
  assert.deepEqual(histogramSince({ bounds, counts: [6, 12] }, before).counts, [1, 4])
  assert.deepEqual(histogramSince({ bounds, counts: [1, 2] }, before).counts, [1, 2])
})

test('histograms of the same bounds add up; empty ones and others do not count', () => {
  const one = { bounds: [1, Infinity], counts: [1, 2] }
  const other = { bounds: [1, 2, Infinity], counts: [9, 9, 9] }
  assert.deepEqual(addHistograms([{ bounds: [], counts: [] }, one, other, one]).counts, [2, 4])
  assert.deepEqual(addHistograms([]), { bounds: [], counts: [] })
})
