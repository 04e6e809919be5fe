/** The first page: how the cluster is, at a glance and then in detail. */
import { healthOf } from '../model/cluster.ts'
import { formatRate, formatSeconds } from '../model/format.ts'
import { percentiles } from '../model/history.ts'
import type { Point } from '../model/history.ts'
import type { Histogram } from '../model/metrics.ts'
import { chartView } from './chart-view.ts'
import { nodesView } from './nodes-view.ts'
import { section } from './parts.ts'
import { happeningsView, progressView } from './progress-view.ts'
import { ringView } from './ring-view.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { VNode } from './vdom.ts'

export function overview(ui: Ui): VNode {
  const { live } = ui
  const { cluster, layout } = live
  const isOld = live.connection.state === 'lost' || live.connection.state === 'starting'
  return h(
    'div',
    { class: `overview${isOld ? ' is-old' : ''}`, key: 'overview' },
    h(
      'div',
      { class: 'hero' },
      layout === undefined
        ? h('div', { class: 'ring skeleton-ring', 'aria-hidden': 'true' })
        : ringView(ui, layout),
      h(
        'div',
        { class: 'hero-text' },
        cluster === undefined ? waiting(ui) : headline(ui),
        nodesView(ui),
      ),
    ),
    section('Load', { class: 'charts-section' }, h('div', { class: 'charts' }, charts(ui))),
    section('In progress', {}, h('div', { class: 'columns' }, progressView(ui))),
    section('Since you opened this page', {}, happeningsView(ui)),
  )
}

function waiting({ live }: Ui): VNode {
  const isLost = live.connection.state === 'lost'
  return h(
    'div',
    { class: 'headline' },
    h('h1', {}, isLost ? 'The node cannot be reached' : 'Looking at the cluster …'),
    h(
      'p',
      { class: 'lead' },
      isLost ? 'Is it running? The page goes on as soon as it answers.' : 'This takes a moment.',
    ),
  )
}

function headline({ live }: Ui): VNode {
  const { level, title, detail } = healthOf(live.cluster!, live.layout)
  return h(
    'div',
    { class: `headline ${level}` },
    h(
      'h1',
      { 'aria-live': 'polite' },
      h('span', { class: `dot ${level}`, 'aria-hidden': 'true' }),
      title,
    ),
    h('p', { class: 'lead' }, detail),
  )
}

function charts(ui: Ui): readonly VNode[] {
  const { points } = ui.live.history
  const times = points.map(({ atMs }) => atMs)
  const latency = (title: string, of: (point: Point) => Histogram, nothing: string): VNode =>
    chartView(ui, {
      ...{ title, times, format: formatSeconds, least: 0.001, nothing },
      series: (
        [
          ['p50', 0.5],
          ['p95', 0.95],
          ['p99', 0.99],
        ] as const
      ).map(([name, q]) => ({
        name,
        values: percentiles(points, of, q),
      })),
    })
  return [
    chartView(ui, {
      ...{ title: 'Throughput', times, least: 5, nothing: 'Measuring …' },
      format: (value) => `${formatRate(value)}/s`,
      series: [
        { name: 'reads', values: points.map(({ reads }) => reads) },
        { name: 'writes', values: points.map(({ writes }) => writes) },
      ],
    }),
    latency('Read latency', ({ readLatency }) => readLatency, 'No reads in this time'),
    latency('Write latency', ({ writeLatency }) => writeLatency, 'No writes in this time'),
  ]
}
