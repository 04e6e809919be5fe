/** The key browser: buckets and keys on one side, what is with the open one on the other. */
import type { KeyJson } from '../../../client/src/api.ts'
import { urlOf } from '../model/cluster.ts'
import { formatCount } from '../model/format.ts'
import { hashOf } from '../model/route.ts'
import type { Route } from '../model/route.ts'
import { draftView } from './draft-view.ts'
import { keyView } from './key-view.ts'
import { button, command, empty, notice } from './parts.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { Child, VNode } from './vdom.ts'

export type KeysRoute = Extract<Route, { page: 'keys' }>

const SEARCH_PAUSE_MS = 250

export function keysView(ui: Ui, route: KeysRoute): VNode {
  const { keys } = ui
  const isOpen = keys.open !== undefined || keys.draft !== undefined
  return h(
    'div',
    { class: `browser${isOpen ? ' has-open' : ''}`, key: 'keys' },
    h('div', { class: 'browser-list' }, finder(ui, route), listing(ui, route)),
    h('div', { class: 'browser-detail' }, detail(ui, route)),
  )
}

function detail(ui: Ui, route: KeysRoute): Child {
  const { keys } = ui
  if (keys.draft !== undefined) return draftView(ui, route, keys.draft)
  if (keys.open !== undefined) return keyView(ui, route, keys.open)
  return empty(
    'No key is open',
    h(
      'p',
      {},
      'Choose one from the list to see its value, its siblings, and what each replica holds of it.',
    ),
  )
}

function finder(ui: Ui, route: KeysRoute): VNode {
  const { keys } = ui
  return h(
    'div',
    { class: 'finder' },
    // What is open has a heading of its own.
    keys.open === undefined && keys.draft === undefined && h('h1', { class: 'unseen' }, 'Keys'),
    h(
      'label',
      { class: 'field' },
      h('span', {}, 'Bucket'),
      h(
        'select',
        {
          value: route.bucket,
          onchange: (event: Event) => openBucket(ui, (event.target as HTMLSelectElement).value),
        },
        bucketNames(ui, route).map((name) => h('option', { value: name, key: name }, name)),
      ),
    ),
    h(
      'label',
      { class: 'field grows' },
      h('span', {}, 'Keys that begin with'),
      h('input', {
        ...{ type: 'search', value: keys.prefix, spellcheck: 'false', autocomplete: 'off' },
        placeholder: 'any',
        oninput: (event: Event) => onPrefix(ui, route, (event.target as HTMLInputElement).value),
      }),
    ),
    button('New key', () => keys.edit(), { class: 'quiet' }),
  )
}

function bucketNames(ui: Ui, route: KeysRoute): readonly string[] {
  const configured = (ui.buckets.list?.buckets ?? []).map(({ name }) => name)
  return [...new Set([...configured, ...ui.keys.visited, route.bucket])].toSorted()
}

function openBucket(ui: Ui, bucket: string): void {
  ui.go({ page: 'keys', bucket, prefix: '', key: undefined, sort: undefined })
}

let pause: ReturnType<typeof setTimeout> | undefined

/** A listing asks every partition: not for every letter. */
function onPrefix(ui: Ui, route: KeysRoute, prefix: string): void {
  ui.keys.prefix = prefix
  clearTimeout(pause)
  pause = setTimeout(() => ui.go({ ...route, prefix }), SEARCH_PAUSE_MS)
}

function listing(ui: Ui, route: KeysRoute): Child {
  const { state, keys, next, problem } = ui.keys.listing
  if (state === 'failed')
    return notice(
      'bad',
      `The keys could not be listed. ${problem ?? ''}`,
      button('Try again', () => void ui.keys.list(), { class: 'quiet' }),
    )
  if (keys.length === 0)
    return state === 'loading'
      ? h('p', { class: 'note pad', role: 'status' }, 'Listing …')
      : nothingListed(ui, route)
  return [
    h(
      'ul',
      { class: 'keys', 'aria-label': `Keys of ${route.bucket}`, onkeydown: moveAmongKeys },
      keys.map((key) => keyItem(route, key)),
    ),
    h(
      'p',
      { class: 'note pad keys-end' },
      next === undefined
        ? `${formatCount(keys.length)} listed`
        : button(state === 'loading' ? 'Listing …' : 'More keys', () => void ui.keys.list(next), {
            class: 'quiet',
            disabled: state === 'loading',
          }),
    ),
  ]
}

function keyItem(route: KeysRoute, { key, sort }: KeyJson): VNode {
  const isCurrent = route.key === key && route.sort === sort
  return h(
    'li',
    { key: `${key}\0${sort ?? ''}` },
    h(
      'a',
      {
        href: hashOf({ ...route, key, sort }),
        'aria-current': isCurrent ? 'true' : undefined,
        ...(isCurrent ? { mounted: show } : {}),
      },
      h('span', { class: 'key-name' }, key),
      sort !== undefined && h('span', { class: 'key-sort' }, sort),
    ),
  )
}

function show(element: Element): void {
  element.scrollIntoView({ block: 'nearest' })
}

/** Up and down go from key to key, as in any list. */
function moveAmongKeys(event: KeyboardEvent): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const item = (event.target as Element).closest('li')
  const to = event.key === 'ArrowDown' ? item?.nextElementSibling : item?.previousElementSibling
  event.preventDefault()
  to?.querySelector('a')?.focus()
}

function nothingListed(ui: Ui, route: KeysRoute): VNode {
  if (route.prefix !== '')
    return empty(
      'No key begins with that',
      button('Show all keys', () => ui.go({ ...route, prefix: '' }), { class: 'quiet' }),
    )
  const { live } = ui
  const self = live.cluster?.members.find(({ id }) => id === live.cluster?.self)
  const base = (self && urlOf(self)) ?? location.origin
  const path = route.bucket === 'default' ? 'hello' : `${route.bucket}/hello`
  return empty(
    route.bucket === 'default' ? 'No keys yet' : `No keys in ${route.bucket} yet`,
    h('p', {}, 'Store one with the button above, or from a terminal:'),
    command(`curl -X PUT -d world ${base}/kv/${path}`),
  )
}
