/** Buckets, their properties, and changing them. */
import type { BucketJson } from '../../../client/src/api.ts'
import { formatBytes, formatTtl } from '../model/format.ts'
import { hashOf } from '../model/route.ts'
import { bucketFormView } from './bucket-form-view.ts'
import { button, empty, notice } from './parts.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { Child, VNode } from './vdom.ts'

const HEADS = [
  'Bucket',
  'Replicas',
  'Read',
  'Write',
  'Conflicts',
  'Values live',
  'Largest',
] as const
const CONFLICTS = { lww: 'the last write wins', siblings: 'all are kept' } as const

export function bucketsView(ui: Ui): VNode {
  const { buckets } = ui
  return h(
    'div',
    { class: 'buckets', key: 'buckets' },
    h(
      'div',
      { class: 'page-head' },
      h(
        'div',
        {},
        h('h1', {}, 'Buckets'),
        h(
          'p',
          { class: 'lead' },
          'A bucket need not be created: any name has the defaults until somebody says otherwise.',
        ),
      ),
      button('New bucket', () => buckets.edit(undefined), { disabled: buckets.list === undefined }),
    ),
    buckets.done !== undefined && notice('good', buckets.done),
    buckets.problem !== undefined && notice('bad', buckets.problem),
    buckets.form !== undefined && bucketFormView(ui, buckets.form),
    tableView(ui),
  )
}

function tableView(ui: Ui): Child {
  const { list, problem } = ui.buckets
  if (list === undefined)
    return problem === undefined && h('div', { class: 'skeleton tall', 'aria-hidden': 'true' })
  const isThere = list.buckets.some(({ name }) => name === 'default')
  const all: readonly BucketJson[] = isThere
    ? list.buckets
    : [{ name: 'default', configured: false, properties: list.defaults }, ...list.buckets]
  return [
    h(
      'table',
      { class: 'bucket-table' },
      h('caption', { class: 'unseen' }, 'Buckets and their properties'),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          HEADS.map((head) => h('th', { scope: 'col' }, head)),
          h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Actions')),
        ),
      ),
      h(
        'tbody',
        {},
        all.map((bucket) => bucketRow(ui, bucket)),
      ),
    ),
    list.buckets.length === 0 &&
      empty(
        'No bucket is configured yet',
        h('p', {}, 'Give one its own numbers when its data is worth more, or less, than the rest.'),
      ),
  ]
}

function bucketRow(ui: Ui, { name, configured, properties }: BucketJson): VNode {
  const { n, r, w, conflicts, valueBytesMax, ttlMs } = properties
  const cells: readonly Child[] = [
    [
      h(
        'a',
        {
          href: hashOf({ page: 'keys', bucket: name, prefix: '', key: undefined, sort: undefined }),
        },
        name,
      ),
      !configured && h('span', { class: 'note' }, 'defaults'),
    ],
    `${n}`,
    `${r} of ${n}`,
    `${w} of ${n}`,
    CONFLICTS[conflicts],
    formatTtl(ttlMs),
    formatBytes(valueBytesMax),
  ]
  return h(
    'tr',
    {
      key: name,
      class: ui.buckets.form?.name === name && !ui.buckets.isNew ? 'is-open' : undefined,
    },
    cells.map((cell, i) => h('td', { 'data-head': HEADS[i] }, cell)),
    h(
      'td',
      { class: 'row-end' },
      button('Edit', () => edit(ui, name, configured), { class: 'quiet', label: `Edit ${name}` }),
    ),
  )
}

function edit(ui: Ui, name: string, configured: boolean): void {
  ui.buckets.edit(configured ? name : undefined)
  if (!configured) ui.buckets.change({ name })
}
