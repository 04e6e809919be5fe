/** One key: its value or its siblings, what may be done with it, and what each replica holds. */
import type { OpenKey } from '../keys.ts'
import { keyPath } from '../api.ts'
import type { StoredValue } from '../api.ts'
import { formatBytes, formatSpan, plural } from '../model/format.ts'
import { hashOf } from '../model/route.ts'
import { shownOf, textOf } from '../model/value.ts'
import { explainView } from './explain-view.ts'
import type { KeysRoute } from './keys-view.ts'
import { button, notice } from './parts.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { Child, VNode } from './vdom.ts'

/** A larger text is no pleasure to edit in a page. */
const EDIT_BYTES_MAX = 100_000

export function keyView(ui: Ui, route: KeysRoute, open: OpenKey): readonly VNode[] {
  const { keys } = ui
  const back = hashOf({ ...route, key: undefined, sort: undefined })
  return [
    h(
      'header',
      { class: 'key-head', key: `head ${route.key ?? ''} ${route.sort ?? ''}` },
      h('a', { class: 'back', href: back }, '← All keys'),
      h(
        'h1',
        {},
        open.name.key,
        open.name.sort !== undefined && h('span', { class: 'key-sort' }, open.name.sort),
      ),
      h('p', { class: 'note' }, `in ${open.name.bucket}`),
    ),
    h('div', { key: 'value', class: 'key-value' }, valueSection(ui, open)),
    ...(keys.problem === undefined
      ? []
      : [h('div', { key: 'problem' }, notice('bad', keys.problem))]),
    h(
      'section',
      { key: 'explained', class: 'explained', 'aria-labelledby': 'h-replicas' },
      h('h2', { id: 'h-replicas' }, 'On its replicas'),
      explainView(ui, open),
    ),
  ]
}

function valueSection(ui: Ui, open: OpenKey): Child {
  const { read, readProblem } = open
  if (read === undefined)
    return readProblem === undefined
      ? h('div', { class: 'skeleton', role: 'status', 'aria-label': 'Reading' })
      : notice('bad', `The key could not be read. ${readProblem}`)
  const stale = readProblem !== undefined && notice('warn', `Not read anew: ${readProblem}`)
  if (read.values.length === 0) return [stale, absentView(ui, read.context !== undefined)]
  if (read.values.length > 1) return [stale, siblingsView(ui, read.values)]
  return [stale, oneValue(ui, open, read.values[0]!)]
}

function absentView(ui: Ui, wasThere: boolean): VNode {
  return h(
    'div',
    { class: 'value-box is-absent' },
    h('p', {}, wasThere ? 'Deleted, or expired.' : 'Nothing was ever stored under this key.'),
    h(
      'div',
      { class: 'actions' },
      button('Store a value', () => onStore(ui)),
    ),
  )
}

function onStore(ui: Ui): void {
  const { open } = ui.keys
  ui.keys.edit()
  ui.keys.change({
    ...{ key: open?.name.key ?? '', sort: open?.name.sort ?? '' },
    context: open?.read?.context,
  })
}

function oneValue(ui: Ui, open: OpenKey, value: StoredValue): VNode {
  const { keys } = ui
  const canEdit = value.bytes.length <= EDIT_BYTES_MAX && textOf(value.bytes) !== undefined
  return h(
    'div',
    { class: 'value-box' },
    facts(ui, value),
    h('div', { class: 'value-shown' }, shownView(value, 'The value', keyPath(open.name, 'kv'))),
    h(
      'div',
      { class: 'actions' },
      canEdit && button('Edit', () => keys.edit(value), { disabled: keys.isBusy }),
      button(keys.isDeleting ? 'Delete it?' : 'Delete', () => void keys.delete(), {
        class: keys.isDeleting ? 'danger' : 'quiet',
        disabled: keys.isBusy,
      }),
      h(
        'a',
        { class: 'button quiet', href: keyPath(open.name, 'kv'), download: open.name.key },
        'Download',
      ),
    ),
  )
}

function siblingsView(ui: Ui, values: readonly StoredValue[]): Child {
  const { keys } = ui
  return [
    notice(
      'warn',
      `${plural(values.length, 'value')}, written at the same time: none knew of the other.`,
      h('p', {}, 'Keep one, and it takes the place of all; or merge them by hand.'),
      h(
        'div',
        { class: 'actions' },
        button('Merge by hand', () => onMerge(ui, values), {
          class: 'quiet',
          disabled: keys.isBusy,
        }),
      ),
    ),
    h(
      'ul',
      { class: 'siblings' },
      values.map((value, i) =>
        h(
          'li',
          { key: value.dot ?? String(i), class: 'value-box' },
          h('p', { class: 'sibling-head' }, writtenText(ui, value, i)),
          facts(ui, value),
          h(
            'div',
            { class: 'value-shown' },
            shownView(value, `Value ${i + 1} of ${values.length}`),
          ),
          h(
            'div',
            { class: 'actions' },
            button('Keep this', () => void keys.keep(value), {
              disabled: keys.isBusy,
              label: `Keep this value, number ${i + 1}`,
            }),
          ),
        ),
      ),
    ),
  ]
}

/** All that can be read as text, one below the other, to be made one. */
function onMerge(ui: Ui, values: readonly StoredValue[]): void {
  const texts = values.flatMap(({ bytes }) => textOf(bytes) ?? [])
  ui.keys.edit(values[0])
  ui.keys.change({ text: texts.join('\n') })
}

/** Who wrote it, when the explanation knows. */
function writtenText(ui: Ui, { dot }: StoredValue, index: number): string {
  const explained = ui.keys.open?.explained
  const version = explained?.versions.find((each) => each.dot === dot)
  if (version === undefined) return `Value ${index + 1}`
  const by = version.writtenBy === undefined ? '' : ` by ${ui.live.nameOf(version.writtenBy)}`
  const ago = formatSpan(Math.max(0, ui.nowMs - Date.parse(version.writtenAt)))
  return `Written${by} ${ago} ago`
}

function facts(ui: Ui, { bytes, contentType, expiresAt, metadata }: StoredValue): VNode {
  const left = expiresAt === undefined ? undefined : Date.parse(expiresAt) - ui.nowMs
  return h(
    'ul',
    { class: 'value-facts' },
    h('li', {}, formatBytes(bytes.length)),
    h('li', {}, contentType),
    left !== undefined && h('li', {}, left > 0 ? `expires in ${formatSpan(left)}` : 'expired'),
    metadata.map(([name, text]) => h('li', {}, `${name}: ${text}`)),
  )
}

/** `label`: what a screen reader calls it. `source`: where a picture can be had. */
function shownView(value: StoredValue, label: string, source?: string): Child {
  const shown = shownOf(value.bytes, value.contentType)
  switch (shown.kind) {
    case 'empty':
      return h('p', { class: 'note' }, 'No bytes: an empty value.')
    case 'image':
      return source === undefined
        ? h('p', { class: 'note' }, 'An image.')
        : h('img', { src: source, alt: `${label}, ${shown.type}` })
    case 'bytes':
      return [
        h('pre', { tabindex: '0', role: 'region', 'aria-label': `${label}, bytes` }, shown.dump),
        shown.cut && h('p', { class: 'note' }, 'Only the beginning is shown.'),
      ]
    case 'json':
    case 'text':
      return [
        h('pre', { tabindex: '0', role: 'region', 'aria-label': label }, shown.text),
        shown.cut && h('p', { class: 'note' }, 'Only the beginning is shown.'),
      ]
  }
}
