/**
 * `X-Dnd-Layout`: the version of the layout in force, `7`, or `7;moving` while its data still
 * moves. A client that goes to the replicas of a key itself learns by it that its picture of the
 * ring is old. It goes with every answer, so it is looked up a few times a second and not for each.
 */
import { DndError } from '../../core/errors.ts'
import type { Gateway } from '../../runtime/ports.ts'

/** How old what is told may be, milliseconds: much less than a move takes. */
const AGE_MS_MAX = 100

export class LayoutTag {
  readonly #gateway: Gateway
  #text = ''
  #untilMs = -Infinity

  constructor(gateway: Gateway) {
    this.#gateway = gateway
  }

  /** At this time of the monotonic clock; empty while the node knows of no layout. */
  at(nowMs: number): string {
    if (nowMs >= this.#untilMs) {
      this.#text = read(this.#gateway)
      this.#untilMs = nowMs + AGE_MS_MAX
    }
    return this.#text
  }
}

function read(gateway: Gateway): string {
  try {
    const { layout } = gateway.view()
    if (layout === undefined) return ''
    const { version } = layout.current
    return layout.previous === undefined ? String(version) : `${version};moving`
  } catch (error) {
    // Being started: there is no node to ask yet.
    if (error instanceof DndError) return ''
    throw error
  }
}
