/**
 * How far a long job is: a bar for people, a line every few seconds for logs. On stderr, so that
 * output stays clean.
 */
import { SingleBar } from 'cli-progress'
import type { Terminal } from '../terminal.ts'
import { count } from '../terminal.ts'
import { durationText } from './duration.ts'

const LINE_INTERVAL_MS = 5000
const BAR_INTERVAL_MS = 200

export interface ProgressState {
  /** What counts towards the end, and the end; undefined where nobody knows it. */
  readonly done: number
  readonly total: number | undefined
  readonly records: number
  readonly refused: number
}

export class Progress {
  readonly #err: Terminal
  readonly #state: () => ProgressState
  readonly #bar: SingleBar | undefined
  readonly #timer: NodeJS.Timeout
  /**
   * Speed is counted from the last moment at which nothing was done yet: what is skipped does not
   * count.
   */
  #startedMs = Date.now()
  #first: ProgressState

  constructor(err: Terminal, state: () => ProgressState) {
    this.#err = err
    this.#state = state
    this.#first = state()
    const { total } = this.#first
    if (err.isTTY && total !== undefined && total > 0) {
      this.#bar = new SingleBar({
        format: '{bar} {percentage} %  {text}',
        stream: err.stream,
        barsize: 28,
        barCompleteString: '█'.repeat(60),
        barIncompleteString: '·'.repeat(60),
        hideCursor: true,
        clearOnComplete: true,
      })
      this.#bar.start(total, this.#first.done, { text: '' })
    }
    const interval = this.#bar === undefined ? LINE_INTERVAL_MS : BAR_INTERVAL_MS
    this.#timer = setInterval(() => this.#show(), interval)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#bar?.stop()
  }

  #show(): void {
    const state = this.#state()
    if (state.records === this.#first.records) {
      this.#first = state
      this.#startedMs = Date.now()
    }
    const text = this.#text(state)
    if (this.#bar !== undefined) this.#bar.update(state.done, { text })
    else this.#err.stream.write(`${text}\n`)
  }

  #text(state: ProgressState): string {
    const seconds = (Date.now() - this.#startedMs) / 1000
    const rate = seconds > 0 ? Math.round((state.records - this.#first.records) / seconds) : 0
    const parts = [count(state.records, 'record'), `${rate.toLocaleString('en-US')}/s`]
    if (state.refused > 0) parts.push(`${state.refused.toLocaleString('en-US')} refused`)
    const left = this.#leftMs(state, seconds)
    if (left !== undefined) parts.push(`${durationText(left)} left`)
    return parts.join(', ')
  }

  /** By this run's own speed: what an earlier run did says nothing about it. */
  #leftMs(state: ProgressState, seconds: number): number | undefined {
    const done = state.done - this.#first.done
    if (state.total === undefined || done <= 0) return undefined
    return ((state.total - state.done) / done) * seconds * 1000
  }
}
