/** What every view is given: the state of the page, and what may be done about it. */
import type { Buckets } from '../buckets.ts'
import type { Keys } from '../keys.ts'
import type { Live } from '../live.ts'
import type { Session } from '../session.ts'
import type { Route } from '../model/route.ts'

export type Theme = 'system' | 'light' | 'dark'

export interface Ui {
  readonly nowMs: number
  readonly route: Route
  readonly theme: Theme
  readonly live: Live
  readonly session: Session
  readonly keys: Keys
  readonly buckets: Buckets
  /** Under the pointer, or chosen with the keyboard. */
  readonly partition: number | undefined
  /** Whose arcs stand out. */
  readonly node: string | undefined
  /** Which point of the charts is looked at, as a share of their width. */
  readonly chartAt: number | undefined
  point(at: Partial<Pick<Ui, 'partition' | 'node' | 'chartAt'>>): void
  go(route: Route): void
  setTheme(theme: Theme): void
}
