/**
 * The ring: each partition around it, each replica in the colour of the node that holds it, the
 * first in preference outermost; pale where the node is away, marked outside where data moves.
 */
import type { LayoutJson } from '../../../client/src/api.ts'
import { isUp, partitionCounts } from '../model/cluster.ts'
import { formatCount, listed, plural } from '../model/format.ts'
import { arcsOf, marksOf, partitionAt, RING_SIZE, slotsOf } from '../model/ring.ts'
import type { Arc } from '../model/ring.ts'
import { swatch } from './parts.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { VNode } from './vdom.ts'

/** The picture of the layout that was drawn last: it changes seldom. Bounded by: one. */
let drawn: { readonly table: string; readonly arcs: readonly Arc[] } | undefined

function arcsFor(layout: LayoutJson): readonly Arc[] {
  const table = `${layout.version}/${layout.partitions}`
  if (drawn?.table !== table) drawn = { table, arcs: arcsOf(layout.table) }
  return drawn.arcs
}

export function ringView(ui: Ui, layout: LayoutJson): VNode {
  const { partition } = ui
  return h(
    'figure',
    { class: 'ring' },
    h(
      'svg',
      {
        ...{ viewBox: `0 0 ${RING_SIZE} ${RING_SIZE}`, role: 'img', tabindex: '0' },
        'aria-label': ringLabel(ui, layout),
        class: ui.node === undefined ? undefined : 'has-node',
        onpointermove: (event: PointerEvent) => onMove(ui, layout, event),
        onpointerleave: () => ui.point({ partition: undefined }),
        onkeydown: (event: KeyboardEvent) => onKey(ui, layout, event),
        onblur: () => ui.point({ partition: undefined }),
      },
      arcs(ui, layout),
      marksOf(layout.moving?.changing ?? [], layout.table.length).map((mark) =>
        h('path', { key: `m${mark.partition}`, class: 'mark', d: mark.path }),
      ),
    ),
    h(
      'figcaption',
      { class: 'ring-middle', 'aria-live': 'polite' },
      partition === undefined || partition >= layout.table.length
        ? middle(ui, layout)
        : ownersOf(ui, layout, partition),
    ),
  )
}

function arcs(ui: Ui, layout: LayoutJson): VNode {
  const up = new Set((ui.live.cluster?.members ?? []).filter(isUp).map(({ id }) => id))
  const { palette } = ui.live
  return h(
    'g',
    {},
    arcsFor(layout).map(({ partition, count, place, node, path }) => {
      const isHere =
        ui.partition !== undefined && ui.partition >= partition && ui.partition < partition + count
      const classes = ['arc']
      if (!up.has(node)) classes.push('away')
      if (ui.node === node) classes.push('chosen')
      if (isHere) classes.push('here')
      return h('path', {
        ...{ key: `${place}/${partition}`, d: path, class: classes.join(' ') },
        ...{ style: { '--hue': String(palette.hueOf(node)) } },
      })
    }),
  )
}

function onMove(ui: Ui, layout: LayoutJson, event: PointerEvent): void {
  const box = (event.currentTarget as Element).getBoundingClientRect()
  const x = ((event.clientX - box.left) / box.width) * RING_SIZE
  const y = ((event.clientY - box.top) / box.height) * RING_SIZE
  const places = layout.table[0]?.length ?? 0
  const partition = partitionAt(x, y, layout.table.length, places)
  if (partition !== ui.partition) ui.point({ partition })
}

const STEPS: Readonly<Record<string, number>> = {
  ...{ ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 },
  ...{ PageDown: 16, PageUp: -16 },
}

function onKey(ui: Ui, layout: LayoutJson, event: KeyboardEvent): void {
  const all = layout.table.length
  if (event.key === 'Escape') return ui.point({ partition: undefined })
  const step = STEPS[event.key]
  if (step === undefined || all === 0) return
  event.preventDefault()
  const from = ui.partition ?? (step > 0 ? -1 : 0)
  ui.point({ partition: (((from + step) % all) + all) % all })
}

function middle({ live }: Ui, layout: LayoutJson): readonly VNode[] {
  const places = layout.table[0]?.length ?? 0
  const counts = live.cluster === undefined ? undefined : partitionCounts(live.cluster, layout)
  const whole = counts === undefined || counts.whole === counts.total
  return [
    h('span', { class: 'ring-number' }, formatCount(whole ? layout.table.length : counts.whole)),
    h('span', { class: 'ring-text' }, whole ? 'partitions' : `of ${counts.total} partitions whole`),
    h(
      'span',
      { class: 'ring-note' },
      `${plural(places, 'replica')} each · layout ${layout.version}`,
    ),
  ]
}

function ownersOf(ui: Ui, layout: LayoutJson, partition: number): readonly VNode[] {
  const [first, last] = slotsOf(partition, layout.table.length)
  const before = layout.moving?.previous.table[partition] ?? []
  const set = layout.table[partition] ?? []
  const left = before.filter((node) => !set.includes(node))
  const isMoving = layout.moving?.changing.includes(partition) === true
  return [
    h('span', { class: 'ring-note' }, `partition ${partition}`),
    h(
      'ol',
      { class: 'ring-owners' },
      set.map((node) =>
        h(
          'li',
          { key: node },
          swatch(ui.live.palette.hueOf(node)),
          ui.live.nameOf(node),
          isMoving && !before.includes(node) && h('em', {}, ' new'),
        ),
      ),
    ),
    h(
      'span',
      { class: 'ring-note' },
      isMoving && left.length > 0
        ? `from ${listed(left.map((node) => ui.live.nameOf(node)))}`
        : `slots ${formatCount(first)} to ${formatCount(last)}`,
    ),
  ]
}

function ringLabel({ live }: Ui, layout: LayoutJson): string {
  const shares = layout.balance.map(({ node, replicas }) => `${live.nameOf(node)} ${replicas}`)
  const moving = layout.moving === undefined ? '' : ` ${layout.moving.partitions} are moving.`
  return (
    `The ring: ${layout.table.length} partitions, of which the nodes hold replicas: ${listed(shares, 12)}.${moving} ` +
    'Arrow keys go from partition to partition.'
  )
}
