/** A row for each node: how it is, where, what it does, and how much it holds. */
import { nodeRows, urlOf } from '../model/cluster.ts'
import type { NodeRow } from '../model/cluster.ts'
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatPercent,
  formatRate,
  formatSeconds,
  formatSpan,
} from '../model/format.ts'
import { bar, pill, swatch } from './parts.ts'
import type { Level } from './parts.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { Child, VNode } from './vdom.ts'

/** A disk that is fuller than this should be looked at. */
const DISK_FULL = 0.9
const STATE_LEVELS: Readonly<Record<NodeRow['member']['state'], Level>> = {
  ...{ alive: 'good', suspect: 'warn', dead: 'bad', left: 'quiet' },
}
const HEADS = ['Node', 'State', 'Zone', 'Requests', 'Disk', 'Replicas'] as const

export function nodesView(ui: Ui): VNode {
  const { live } = ui
  const { cluster } = live
  if (cluster === undefined) return h('div', { class: 'skeleton tall', 'aria-hidden': 'true' })
  const rows = nodeRows(cluster, live.layout, live.looks, (node) => live.history.rateOf(node))
  return h(
    'table',
    { class: 'nodes' },
    h('caption', { class: 'unseen' }, 'Nodes of the cluster'),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        HEADS.map((head) => h('th', { scope: 'col' }, head)),
      ),
    ),
    h(
      'tbody',
      {},
      rows.map((row) => rowViews(ui, row)),
    ),
  )
}

function rowViews(ui: Ui, row: NodeRow): readonly VNode[] {
  const { id } = row.member
  const isOpen = ui.route.page === 'overview' && ui.route.node === id
  const main = h(
    'tr',
    {
      ...{ key: id, class: isOpen ? 'is-open' : undefined },
      onpointerenter: () => ui.point({ node: id }),
      onpointerleave: () => ui.point({ node: undefined }),
    },
    cell('Node', nameCell(ui, row, isOpen)),
    cell('State', stateCell(ui, row)),
    cell('Zone', row.member.zone),
    cell('Requests', requestsCell(row)),
    cell('Disk', diskCell(row)),
    cell('Replicas', replicasCell(row)),
  )
  return isOpen ? [main, detailRow(ui, row)] : [main]
}

function cell(head: string, ...children: Child[]): VNode {
  return h('td', { 'data-head': head }, children)
}

function nameCell(ui: Ui, { member, isSelf }: NodeRow, isOpen: boolean): VNode {
  const { id, name } = member
  return h(
    'button',
    {
      ...{ type: 'button', class: 'node-name', 'aria-expanded': String(isOpen) },
      onclick: () => ui.go({ page: 'overview', node: isOpen ? undefined : id }),
      onfocus: () => ui.point({ node: id }),
      onblur: () => ui.point({ node: undefined }),
    },
    swatch(ui.live.palette.hueOf(id)),
    name,
    isSelf && h('span', { class: 'note' }, 'serves this page'),
  )
}

function stateCell(ui: Ui, { member }: NodeRow): readonly Child[] {
  const { state, since, degraded, draining, flapping } = member
  const sinceMs = ui.nowMs - Date.parse(since)
  return [
    pill(STATE_LEVELS[state], state),
    state !== 'alive' && h('span', { class: 'note' }, formatAgo(sinceMs)),
    degraded === true && h('span', { class: 'note' }, 'slow'),
    draining === true && h('span', { class: 'note' }, 'stops for a moment'),
    flapping === true && h('span', { class: 'note' }, 'comes and goes'),
  ]
}

function requestsCell({ rate, look }: NodeRow): Child {
  if (rate === undefined)
    return h(
      'span',
      { class: 'note', title: look.silence },
      look.silence === undefined ? '–' : 'not heard',
    )
  return [
    h('span', { class: 'figure' }, formatRate(rate.reads + rate.writes)),
    h('span', { class: 'unit' }, '/s'),
    h('span', { class: 'note' }, `${formatPercent(rate.cpu)} CPU`),
  ]
}

function diskCell({ look }: NodeRow): Child {
  const disk = look.figures?.disk
  if (disk === undefined) return h('span', { class: 'note' }, '–')
  const used = disk.total === 0 ? 0 : 1 - disk.free / disk.total
  return [
    h('span', { class: 'figure' }, formatBytes(disk.data)),
    h('span', { class: 'note' }, `disk ${formatPercent(used)} full`),
    used > DISK_FULL && bar(used, 'How full the disk is', 'warn'),
  ]
}

function replicasCell({ replicas, share }: NodeRow): Child {
  return [
    h('span', { class: 'figure' }, formatCount(replicas)),
    h('span', { class: 'note' }, formatPercent(share)),
  ]
}

function detailRow(ui: Ui, row: NodeRow): VNode {
  const { member, look, first } = row
  const { figures, hints } = look
  const facts: [string, string | undefined][] = [
    ['Id', member.id],
    ['HTTP', member.addresses.http ?? 'none'],
    ['Cluster', member.addresses.cluster],
    ['Version', member.version],
    ['Weight', String(member.weight)],
    [`In this state`, `for ${formatSpan(ui.nowMs - Date.parse(member.since))}`],
    ['First replica of', `${formatCount(first)} partitions`],
    [
      'Round trip',
      member.roundTripMs === undefined ? undefined : formatSeconds(member.roundTripMs / 1000),
    ],
    ['Memory', figures === undefined ? undefined : formatBytes(figures.memoryBytes)],
    ['Event loop, p99', figures === undefined ? undefined : formatSeconds(figures.lagSeconds)],
    ['Hints kept', hints === undefined ? undefined : formatBytes(hints.bytes)],
    ['Disk free', figures?.disk === undefined ? undefined : formatBytes(figures.disk.free)],
  ]
  return h(
    'tr',
    { key: `${member.id}-detail`, class: 'detail' },
    h(
      'td',
      { colspan: String(HEADS.length) },
      h(
        'dl',
        { class: 'facts' },
        facts.map(([name, text]) =>
          text === undefined ? undefined : h('div', {}, h('dt', {}, name), h('dd', {}, text)),
        ),
      ),
      look.silence !== undefined &&
        h('p', { class: 'note' }, `Its own figures are missing. ${look.silence}`),
      !row.isSelf &&
        member.addresses.http !== undefined &&
        h('a', { href: `${urlOf(member)}/` }, `Open the console on ${member.name}`),
    ),
  )
}
