/** A value that is being written. */
import type { Draft } from '../keys.ts'
import { parseTtl } from '../model/format.ts'
import type { KeysRoute } from './keys-view.ts'
import { button, notice } from './parts.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { VNode } from './vdom.ts'

export function draftView(ui: Ui, route: KeysRoute, draft: Draft): VNode {
  const { keys } = ui
  const ttlMs = parseTtl(draft.ttl)
  const cannot = draft.key === '' || ttlMs === undefined
  return h(
    'form',
    { class: 'draft', key: 'draft', onsubmit: (event: Event) => onSubmit(ui, route, event) },
    h('h1', {}, draft.isNew ? `New key in ${route.bucket}` : `Edit ${draft.key}`),
    draft.isNew &&
      h(
        'div',
        { class: 'fields' },
        field('Key', draft.key, (key) => keys.change({ key }), { focused: draft.key === '' }),
        field('Sort key', draft.sort, (sort) => keys.change({ sort }), { hint: 'optional' }),
      ),
    h(
      'label',
      { class: 'field' },
      h('span', {}, 'Value'),
      h('textarea', {
        ...{ rows: '12', spellcheck: 'false', value: draft.text },
        oninput: (event: Event) =>
          keys.change({ text: (event.target as HTMLTextAreaElement).value }),
      }),
    ),
    h(
      'div',
      { class: 'fields' },
      field('Content type', draft.contentType, (contentType) => keys.change({ contentType })),
      field('Lives for', draft.ttl, (ttl) => keys.change({ ttl }), {
        hint: ttlMs === undefined ? 'such as 30s, 12h or 7d' : 'empty: as the bucket says',
        isWrong: ttlMs === undefined,
      }),
    ),
    keys.problem !== undefined && notice('bad', keys.problem),
    h(
      'div',
      { class: 'actions' },
      h(
        'button',
        { type: 'submit', class: 'button', disabled: cannot || keys.isBusy },
        keys.isBusy ? 'Storing …' : 'Store',
      ),
      button('Cancel', () => keys.change(undefined), { class: 'quiet' }),
    ),
  )
}

export function field(
  name: string,
  value: string,
  onvalue: (value: string) => void,
  more: { hint?: string; isWrong?: boolean; focused?: boolean; numeric?: boolean } = {},
): VNode {
  const { hint, isWrong = false, focused = false, numeric = false } = more
  return h(
    'label',
    { class: `field${isWrong ? ' is-wrong' : ''}` },
    h('span', {}, name),
    h('input', {
      ...{ type: 'text', value, spellcheck: 'false', autocomplete: 'off' },
      ...(numeric ? { inputmode: 'numeric', class: 'short' } : {}),
      'aria-invalid': isWrong ? 'true' : undefined,
      oninput: (event: Event) => onvalue((event.target as HTMLInputElement).value),
      ...(focused ? { mounted: (element: Element) => (element as HTMLElement).focus() } : {}),
    }),
    hint !== undefined && h('small', { class: 'note' }, hint),
  )
}

function onSubmit(ui: Ui, route: KeysRoute, event: Event): void {
  event.preventDefault()
  const ttlMs = parseTtl(ui.keys.draft?.ttl ?? '')
  if (ttlMs === undefined) return
  void ui.keys.save(route.bucket, ttlMs).then((name) => {
    if (name !== undefined) ui.go({ ...route, key: name.key, sort: name.sort })
  })
}
