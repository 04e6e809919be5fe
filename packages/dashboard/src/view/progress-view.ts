/** What the cluster does in the background: what moves, what waits for whom, what is mended. */
import { hintsOf, movesOf, repairsOf } from '../model/cluster.ts'
import type { Move } from '../model/cluster.ts'
import {
  formatAgo,
  formatBytes,
  formatClock,
  formatCount,
  listed,
  plural,
} from '../model/format.ts'
import { bar, swatch } from './parts.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { Child, VNode } from './vdom.ts'

export function progressView(ui: Ui): readonly VNode[] {
  return [movesView(ui), hintsView(ui), repairsView(ui)]
}

function column(title: string, lead: string, ...children: Child[]): VNode {
  return h(
    'div',
    { class: 'column' },
    h('h3', {}, title),
    h('p', { class: 'lead' }, lead),
    children,
  )
}

function item(hue: number, name: string, text: string, ...children: Child[]): VNode {
  return h(
    'li',
    { key: name },
    h(
      'div',
      { class: 'item-head' },
      swatch(hue),
      h('span', {}, name),
      h('span', { class: 'note' }, text),
    ),
    children,
  )
}

function movesView(ui: Ui): VNode {
  const { live } = ui
  const moving = live.layout?.moving
  if (live.cluster === undefined || live.layout === undefined || moving === undefined)
    return column('Transfers', 'Nothing moves: every partition is where the layout says.')
  const moves = movesOf(live.cluster, live.layout, live.looks, (node) => live.nameOf(node))
  const waiting = listed(moving.waiting.map((node) => live.nameOf(node)))
  const lead =
    moving.phase === 'filling'
      ? `Layout ${moving.from} → ${live.layout.version}: new owners pull what they gain.`
      : `Layout ${moving.from} → ${live.layout.version}: all is there; ${waiting === '' ? 'everybody confirms' : `${waiting} ${moving.waiting.length === 1 ? 'has' : 'have'} still to confirm`}.`
  return column(
    'Transfers',
    lead,
    h(
      'ul',
      { class: 'items' },
      moves.map((move) => {
        const name = live.nameOf(move.node)
        const come = move.gains - (move.pending ?? move.gains)
        return item(
          live.palette.hueOf(move.node),
          name,
          moveText(move, come),
          bar(come / move.gains, `What ${name} has pulled`, move.done ? 'good' : 'busy'),
        )
      }),
    ),
  )
}

function moveText({ gains, pending, done, isUp }: Move, come: number): string {
  const all = plural(gains, 'partition')
  if (done) return `has its ${all}`
  if (!isUp) return `is down; ${all} wait for it`
  return pending === undefined ? `${all} to come` : `${formatCount(come)} of ${all}`
}

function hintsView(ui: Ui): VNode {
  const { live } = ui
  const hints = hintsOf(live.looks)
  if (hints.length === 0) return column('Hints', 'No writes wait for a node that is away.')
  return column(
    'Hints',
    'Writes that are kept for nodes that missed them, and brought when they are back.',
    h(
      'ul',
      { class: 'items' },
      hints.map(({ node, name, count, bytes, oldest, on }) =>
        item(
          live.palette.hueOf(node),
          name,
          `${plural(count, 'write')}, ${formatBytes(bytes)}`,
          h(
            'p',
            { class: 'note' },
            `kept on ${listed(on)}, the oldest from ${formatAgo(ui.nowMs - Date.parse(oldest))}`,
          ),
        ),
      ),
    ),
  )
}

function repairsView(ui: Ui): VNode {
  const { live } = ui
  const { runs, active, treesMissing, doubtful, checked, broken } = repairsOf(live.looks)
  const notes = [
    active > 0 && `${plural(active, 'comparison')} under way.`,
    treesMissing > 0 && `${plural(treesMissing, 'hash tree')} still to be made.`,
    doubtful > 0 && `${plural(doubtful, 'partition')} in doubt until compared with all replicas.`,
    broken > 0 && `${plural(broken, 'damaged record')} found, and repaired from replicas.`,
  ].filter((note) => note !== false)
  const lead =
    runs.length === 0
      ? `Replicas are compared all the time. ${notes.length === 0 ? 'Nothing is in doubt.' : ''}`
      : 'Replicas are compared because somebody asked.'
  return column(
    'Repairs',
    lead,
    runs.length > 0 &&
      h(
        'ul',
        { class: 'items' },
        runs.map((run) =>
          item(
            live.palette.hueOf(
              live.cluster?.members.find(({ name }) => name === run.name)?.id ?? '',
            ),
            run.name,
            `${formatCount(run.done)} of ${plural(run.comparisons, 'comparison')}`,
            bar(run.comparisons === 0 ? 1 : run.done / run.comparisons, `Repair by ${run.name}`),
            h('p', { class: 'note' }, `${plural(run.found + run.foundByOthers, 'key')} differed`),
          ),
        ),
      ),
    notes.map((note) => h('p', { class: 'note' }, note)),
    checked > 0 &&
      h('p', { class: 'note' }, `${plural(checked, 'record')} read and checked in the background.`),
  )
}

export function happeningsView(ui: Ui): VNode {
  const { happenings } = ui.live
  if (happenings.length === 0)
    return h('p', { class: 'lead' }, 'Nothing has changed since you opened this page.')
  return h(
    'ol',
    { class: 'happenings', 'aria-live': 'polite' },
    happenings.map(({ atMs, level, text }) =>
      h(
        'li',
        { key: `${atMs}${text}` },
        h('time', { datetime: new Date(atMs).toISOString() }, formatClock(atMs)),
        h('span', { class: `dot ${level}`, 'aria-hidden': 'true' }),
        h('span', {}, text),
      ),
    ),
  )
}
