/**
 * The page as a whole: where the reader is, what is known, and one drawing of both for each frame
 * in which something has changed.
 */
import { Buckets } from './buckets.ts'
import { Keys } from './keys.ts'
import { Live } from './live.ts'
import { hashOf, parseRoute } from './model/route.ts'
import type { Route } from './model/route.ts'
import { session } from './session.ts'
import type { Session } from './session.ts'
import { bucketsView } from './view/buckets-view.ts'
import { keysView } from './view/keys-view.ts'
import { overview } from './view/overview.ts'
import { loginView } from './view/login-view.ts'
import { shell } from './view/shell.ts'
import type { Theme, Ui } from './view/ui.ts'
import { patch } from './view/vdom.ts'
import type { VNode } from './view/vdom.ts'

const THEME_ENTRY = 'dnd-theme'
const TICK_MS = 1_000
const TITLES: Readonly<Record<Route['page'], string>> = {
  overview: 'Overview',
  keys: 'Keys',
  buckets: 'Buckets',
}

export class App implements Ui {
  nowMs: number = Date.now()
  route: Route = parseRoute(location.hash)
  theme: Theme = storedTheme()
  partition: number | undefined
  node: string | undefined
  chartAt: number | undefined
  readonly live: Live
  readonly session: Session = session
  readonly keys: Keys
  readonly buckets: Buckets
  readonly #root: Element
  #isDue = false

  constructor(root: Element) {
    this.#root = root
    const changed = (): void => this.#changed()
    session.listen(changed)
    this.live = new Live(changed)
    this.keys = new Keys(changed)
    this.buckets = new Buckets(changed)
  }

  start(): void {
    this.setTheme(this.theme)
    addEventListener('hashchange', () => this.#enter(parseRoute(location.hash)))
    setInterval(() => this.#tick(), TICK_MS)
    this.#enter(this.route)
    this.live.start()
  }

  go(route: Route): void {
    const hash = hashOf(route)
    if (hash === location.hash) this.#enter(route)
    else location.hash = hash
  }

  point(at: Partial<Pick<Ui, 'partition' | 'node' | 'chartAt'>>): void {
    Object.assign(this, at)
    this.#changed()
  }

  setTheme(theme: Theme): void {
    this.theme = theme
    if (theme === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = theme
    try {
      localStorage.setItem(THEME_ENTRY, theme)
    } catch {
      // A browser that keeps nothing: it is as chosen until the page is closed.
    }
    this.#changed()
  }

  #enter(route: Route): void {
    const before = this.route
    this.route = route
    if (route.page === 'keys') this.keys.enter(route)
    else this.keys.leave()
    if (route.page !== 'overview') void this.buckets.refresh()
    if (before.page !== route.page) {
      scrollTo(0, 0)
      this.buckets.change(undefined)
      this.buckets.done = undefined
    }
    this.#changed()
  }

  #tick(): void {
    if (document.hidden) return
    this.nowMs = Date.now()
    this.keys.tick(this.nowMs)
    this.#changed()
  }

  #changed(): void {
    if (this.#isDue) return
    this.#isDue = true
    requestAnimationFrame(() => {
      this.#isDue = false
      this.nowMs = Date.now()
      patch(this.#root, shell(this, this.#page()))
      document.title = `${this.#title()} · dnd`
    })
  }

  #title(): string {
    const { route } = this
    return route.page === 'keys' && route.key !== undefined ? route.key : TITLES[route.page]
  }

  #page(): VNode {
    const { route } = this
    if (session.isAsked) return loginView(this)
    switch (route.page) {
      case 'overview':
        return overview(this)
      case 'keys':
        return keysView(this, route)
      case 'buckets':
        return bucketsView(this)
    }
  }
}

function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(THEME_ENTRY)
    return stored === 'light' || stored === 'dark' ? stored : 'system'
  } catch {
    // A browser that keeps nothing.
    return 'system'
  }
}
