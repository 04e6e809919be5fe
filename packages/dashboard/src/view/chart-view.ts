/** One chart: lines over the last minutes, what they say now, and at the pointer what they said. */
import { areaPath, indexAt, linePath, niceMax, xOf } from '../model/chart.ts'
import type { Series } from '../model/chart.ts'
import { formatAgo } from '../model/format.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { VNode } from './vdom.ts'

/** Points in the width at first; it widens with what is known, up to all of it. */
const WIDTH_MIN = 60

export interface ChartOptions {
  readonly title: string
  readonly series: readonly Series[]
  readonly times: readonly number[]
  readonly format: (value: number) => string
  /** The axis goes at least so far. */
  readonly least: number
  readonly nothing: string
}

export function chartView(ui: Ui, options: ChartOptions): VNode {
  const { title, series, times, format, least } = options
  const most = Math.max(WIDTH_MIN, times.length)
  const max = niceMax(
    series.flatMap(({ values }) => values),
    least,
  )
  const at = ui.chartAt === undefined ? undefined : indexAt(ui.chartAt, times.length, most)
  const index = at ?? times.length - 1
  const hasAny = series.some(({ values }) => values.some((value) => value !== undefined))
  return h(
    'figure',
    { class: 'chart' },
    h(
      'figcaption',
      {},
      h('h3', {}, title),
      h('span', { class: 'note' }, at === undefined ? '' : formatAgo(ui.nowMs - times[at]!)),
      h(
        'dl',
        { class: 'legend' },
        series.map(({ name, values }, i) => {
          const value = values[index]
          const text = value === undefined ? '–' : format(value)
          return h('div', { class: `line-${i + 1}` }, h('dt', {}, name), h('dd', {}, text))
        }),
      ),
    ),
    h(
      'div',
      { class: 'plot' },
      h('span', { class: 'axis axis-top', 'aria-hidden': 'true' }, format(max)),
      h('span', { class: 'axis axis-middle', 'aria-hidden': 'true' }, format(max / 2)),
      plot(ui, options, { max, most, at }),
      !hasAny && h('p', { class: 'plot-empty' }, options.nothing),
    ),
    h(
      'div',
      { class: 'axis-times', 'aria-hidden': 'true' },
      h('span', {}, `${Math.round((most * 2) / 60)} min ago`),
      h('span', {}, 'now'),
    ),
  )
}

function plot(
  ui: Ui,
  { title, series, times, format }: ChartOptions,
  { max, most, at }: { max: number; most: number; at: number | undefined },
): VNode {
  const now = series.map(({ name, values }) => {
    const value = values.at(-1)
    return `${name} ${value === undefined ? 'nothing' : format(value)}`
  })
  return h(
    'svg',
    {
      ...{ viewBox: '0 0 100 100', preserveAspectRatio: 'none', role: 'img' },
      'aria-label': `${title}, now: ${now.join(', ')}`,
      onpointermove: (event: PointerEvent) => {
        const box = (event.currentTarget as Element).getBoundingClientRect()
        ui.point({ chartAt: (event.clientX - box.left) / box.width })
      },
      onpointerleave: () => ui.point({ chartAt: undefined }),
    },
    [0, 50, 100].map((y) =>
      h('line', { class: 'grid', x1: '0', x2: '100', y1: `${y}`, y2: `${y}` }),
    ),
    series.map(({ values }, i) => [
      i === 0 && h('path', { class: 'area line-1', d: areaPath(values, max, most) }),
      h('path', { class: `line line-${i + 1}`, d: linePath(values, max, most) }),
    ]),
    at !== undefined &&
      h('line', {
        ...{ class: 'crosshair', y1: '0', y2: '100' },
        ...{ x1: `${xOf(at, times.length, most)}`, x2: `${xOf(at, times.length, most)}` },
      }),
  )
}
