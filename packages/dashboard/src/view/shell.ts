/** What stands around every page: the name, the ways, how the node is, and light or dark. */
import { formatAgo } from '../model/format.ts'
import { compareNames } from '../model/palette.ts'
import { isUp, urlOf } from '../model/cluster.ts'
import { hashOf, HOME, DEFAULT_BUCKET } from '../model/route.ts'
import type { Route } from '../model/route.ts'
import { logoutButton } from './login-view.ts'
import { h } from './vdom.ts'
import type { Child, VNode } from './vdom.ts'
import type { Theme, Ui } from './ui.ts'

const WAYS: readonly (readonly [name: string, route: Route])[] = [
  ['Overview', HOME],
  ['Keys', { page: 'keys', bucket: DEFAULT_BUCKET, prefix: '', key: undefined, sort: undefined }],
  ['Buckets', { page: 'buckets', bucket: undefined }],
]

const NEXT_THEME: Readonly<Record<Theme, Theme>> = {
  system: 'light',
  light: 'dark',
  dark: 'system',
}
const THEME_NAMES: Readonly<Record<Theme, string>> = {
  system: 'as the system',
  light: 'light',
  dark: 'dark',
}
/** Outlines; of the first, half of it is filled. */
const THEME_PATHS: Readonly<Record<Theme, string>> = {
  system: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z',
  light:
    'M8 4.75a3.25 3.25 0 1 0 0 6.5 3.25 3.25 0 0 0 0-6.5M8 .8v1.6M8 13.6v1.6M.8 8h1.6M13.6 8h1.6M2.9 2.9l1.1 1.1M12 12l1.1 1.1M13.1 2.9 12 4M4 12l-1.1 1.1',
  dark: 'M13.6 9.9A6 6 0 0 1 6.1 2.4a6 6 0 1 0 7.5 7.5z',
}
const HALF = 'M8 2a6 6 0 0 1 0 12z'

export function shell(ui: Ui, ...page: Child[]): readonly VNode[] {
  return [
    h('a', { class: 'skip', href: '#main', onclick: skip }, 'Skip to the content'),
    header(ui),
    ...(ui.session.isAsked ? [] : banner(ui)),
    h(
      'main',
      {
        id: 'main',
        tabindex: '-1',
        'aria-busy': String(ui.live.cluster === undefined && !ui.session.isAsked),
      },
      page,
    ),
  ]
}

function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function header(ui: Ui): VNode {
  return h(
    'header',
    { class: 'top' },
    h('a', { class: 'brand', href: hashOf(HOME), 'aria-label': 'dnd, overview' }, logo(), 'dnd'),
    h(
      'nav',
      { 'aria-label': 'Pages' },
      WAYS.map(([name, route]) => {
        const current = ui.route.page === route.page ? 'page' : undefined
        return h('a', { href: hashOf(route), 'aria-current': current }, name)
      }),
    ),
    h('div', { class: 'top-end' }, connection(ui), logoutButton(ui), themeSwitch(ui)),
  )
}

function logo(): VNode {
  return h(
    'svg',
    { viewBox: '0 0 20 20', class: 'logo', 'aria-hidden': 'true' },
    h('path', { d: 'M10 2a8 8 0 0 1 6.93 4', style: { '--hue': '255' } }),
    h('path', { d: 'M17.8 8.5a8 8 0 0 1-5.7 9.2', style: { '--hue': '165' } }),
    h('path', { d: 'M9.4 18A8 8 0 0 1 7.4 2.45', style: { '--hue': '70' } }),
  )
}

function connection({ live, session }: Ui): VNode {
  const { state } = live.connection
  const self = live.cluster === undefined ? '' : live.nameOf(live.cluster.self)
  const texts = {
    connecting: 'connecting',
    live: `live from ${self}`,
    lost: session.isAsked ? 'locked' : 'not reached',
    starting: 'starting',
  } as const
  return h('span', { class: `connection ${state}`, role: 'status' }, texts[state])
}

function themeSwitch(ui: Ui): VNode {
  const { theme } = ui
  const next = NEXT_THEME[theme]
  const title = `Colours: ${THEME_NAMES[theme]}. Change to ${THEME_NAMES[next]}`
  return h(
    'button',
    {
      ...{ type: 'button', class: 'icon-button', 'aria-label': title, title },
      onclick: () => ui.setTheme(next),
    },
    h(
      'svg',
      { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': 'true' },
      h('path', { d: THEME_PATHS[theme] }),
      theme === 'system' && h('path', { class: 'filled', d: HALF }),
    ),
  )
}

/** What has become of the node that serves the page, when it does not answer. */
function banner(ui: Ui): readonly VNode[] {
  const { connection: found, cluster } = ui.live
  if (found.state === 'starting')
    return [
      h(
        'div',
        { class: 'banner busy', role: 'status', key: 'banner' },
        h('p', {}, h('strong', {}, 'The node is starting. '), found.reason),
      ),
    ]
  if (found.state !== 'lost') return []
  const others = (cluster?.members ?? [])
    .filter((member) => isUp(member) && member.id !== cluster?.self)
    .toSorted((a, b) => compareNames(a.name, b.name))
  const name = cluster === undefined ? 'The node' : (ui.live.nameOf(cluster.self) ?? 'The node')
  const since = formatAgo(ui.nowMs - found.sinceMs)
  const shown = cluster === undefined ? '' : ` What you see is from ${since}.`
  return [
    h(
      'div',
      { class: 'banner bad', role: 'alert', key: 'banner' },
      h(
        'p',
        {},
        h('strong', {}, `${name} does not answer.`),
        `${shown} The page goes on as soon as it is back. `,
        others.length > 0 && 'Every node has this console: ',
        others
          .slice(0, 6)
          .map((member, i) => [
            i > 0 && ', ',
            h('a', { href: `${urlOf(member)}/${hashOf(ui.route)}` }, member.name),
          ]),
        others.length > 0 && '.',
      ),
    ),
  ]
}
