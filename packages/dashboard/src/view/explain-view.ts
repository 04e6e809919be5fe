/** What each replica holds of the open key, beside each other. */
import type { FindingJson } from '../../../client/src/explain.ts'
import type { OpenKey } from '../keys.ts'
import { explainedTable } from '../model/explanation.ts'
import type { Cell, ExplainedColumn, ExplainedRow } from '../model/explanation.ts'
import { formatBytes, formatCount, plural } from '../model/format.ts'
import { hashOf } from '../model/route.ts'
import { notice, pill, swatch } from './parts.ts'
import type { Level } from './parts.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { Child, VNode } from './vdom.ts'

const FINDING_LEVELS: Readonly<Record<FindingJson['level'], Level>> = {
  ...{ problem: 'bad', note: 'busy', ok: 'good' },
}

export function explainView(ui: Ui, open: OpenKey): Child {
  const { explained, explainProblem } = open
  if (explained === undefined)
    return explainProblem === undefined
      ? h('div', { class: 'skeleton', role: 'status', 'aria-label': 'Asking the replicas' })
      : notice('bad', `The replicas could not be asked. ${explainProblem}`)
  const { summary, hints, properties, slot, partition, layoutVersion, moving } = explained
  return [
    h(
      'ul',
      { class: 'findings' },
      summary.map(({ level, text }) =>
        h(
          'li',
          { key: text },
          h('span', { class: `dot ${FINDING_LEVELS[level]}`, 'aria-hidden': 'true' }),
          h('span', {}, text),
        ),
      ),
    ),
    matrix(ui, open),
    hints.map(({ onName, targetName, count, bytes }) =>
      h(
        'p',
        { class: 'note' },
        `${onName} keeps ${plural(count, 'hint')} (${formatBytes(bytes)}) for ${targetName}.`,
      ),
    ),
    h(
      'p',
      { class: 'note' },
      `Slot ${formatCount(slot)}, partition ${partition}, layout ${layoutVersion}${moving ? ', moving' : ''}. Bucket `,
      h('a', { href: hashOf({ page: 'buckets', bucket: open.name.bucket }) }, open.name.bucket),
      `: n=${properties.n}, r=${properties.r}, w=${properties.w}, ${properties.conflicts}.`,
    ),
  ]
}

function matrix(ui: Ui, open: OpenKey): VNode {
  const { columns, rows } = explainedTable(open.explained!, ui.nowMs)
  return h(
    'div',
    { class: 'scrolls', tabindex: '0', role: 'region', 'aria-label': 'Replicas and versions' },
    h(
      'table',
      { class: 'matrix' },
      h('caption', { class: 'unseen' }, 'Which replica holds which version of the key'),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, 'Replica'),
          columns.map((column) => columnHead(column)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row) => rowView(ui, row)),
      ),
    ),
  )
}

function columnHead({ version, title, writer, when, isPast }: ExplainedColumn): VNode {
  return h(
    'th',
    { scope: 'col', key: version.dot, class: isPast ? 'is-past' : undefined, title: version.dot },
    h('span', { class: 'version-title' }, title),
    h('span', { class: 'note' }, `${writer}, ${when}`),
  )
}

function rowView(ui: Ui, { replica, place, answer, level, cells, notes }: ExplainedRow): VNode {
  return h(
    'tr',
    { key: replica.node },
    h(
      'th',
      { scope: 'row' },
      h(
        'span',
        { class: 'replica-name' },
        h('span', { class: 'place', title: 'Place in the order of preference' }, String(place)),
        swatch(ui.live.palette.hueOf(replica.node)),
        replica.name,
        replica.state !== 'alive' && pill(level === 'good' ? 'warn' : level, replica.state),
      ),
      h('span', { class: `note answer ${level}` }, answer),
      notes.map((note) => h('span', { class: 'note' }, note)),
    ),
    cells.map((cell) => cellView(cell)),
  )
}

const CELLS: Readonly<Record<Cell, readonly [mark: string, meaning: string]>> = {
  holds: ['●', 'holds it'],
  over: ['–', 'has seen it and holds something newer'],
  missing: ['○', 'has not got it yet'],
  unknown: ['?', 'not known'],
}

function cellView(cell: Cell): VNode {
  const [mark, meaning] = CELLS[cell]
  return h(
    'td',
    { class: `cell ${cell}` },
    h('span', { 'aria-hidden': 'true' }, mark),
    h('span', { class: 'cell-text' }, meaning),
  )
}
