/**
 * Clients that write and read without a pause while a test does something to the cluster, and that
 * know what they may find: each key belongs to one client, which remembers what was acknowledged
 * last and what may have come after it. A client that fails turns to another node, as a client
 * library would, and notes the failure and when it was.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

export interface LoadOptions {
  readonly clients: number
  /** Keys of each client. */
  readonly keysEach: number
  readonly valueBytes: number
  /** Where requests may go now; never empty. */
  readonly targets: () => readonly string[]
}

/** One attempt that failed. */
export interface FailedAttempt {
  /** When it was begun and over, milliseconds since 1970. */
  readonly beganAt: number
  readonly at: number
  /** The server's code, or `connection`. */
  readonly code: string
  readonly text: string
  readonly url: string
}

interface Known {
  acknowledged: string | undefined
  /** Values of writes since then of which nobody knows. */
  possible: string[]
}

/** How long a request is tried again before it has failed for good. */
const GIVE_UP_MS = 20_000
const RETRY_AFTER_MS = 20

export class Load {
  readonly failures: FailedAttempt[] = []
  /** How long each request took with all its attempts, milliseconds, by phase. */
  readonly latencies = new Map<string, number[]>()
  phase: string = 'before'
  readonly #options: LoadOptions
  readonly #known = new Map<string, Known>()
  readonly #clients: Promise<void>[]
  #isOver = false

  constructor(options: LoadOptions) {
    this.#options = options
    this.#clients = Array.from({ length: options.clients }, async (_, client) => this.#work(client))
  }

  get requests(): number {
    return [...this.latencies.values()].reduce((sum, times) => sum + times.length, 0)
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#clients)
  }

  /** The clients wait while every key is read through every one of `urls`. */
  async assertReadable(urls: readonly string[]): Promise<void> {
    for (const [key, known] of this.#known)
      for (const url of urls) {
        // A write may be under way: what it leaves is as good.
        const before = [known.acknowledged, ...known.possible]
        const response = await fetch(`${url}/kv/${key}`)
        const text = await response.text()
        const now = [known.acknowledged, ...known.possible]
        const found = response.status === 404 ? undefined : text
        assert.ok(
          response.status < 500 && (before.includes(found) || now.includes(found)),
          `${key} at ${url}: ${response.status} ${text}`,
        )
      }
  }

  /** `12 ms` or so: of all latencies of the phase, that which `share` of them do not exceed. */
  percentile(phase: string, share: number): string {
    const times = [...(this.latencies.get(phase) ?? [])].sort((a, b) => a - b)
    const time = times[Math.min(times.length - 1, Math.floor(times.length * share))]
    return time === undefined ? 'nothing' : `${time.toFixed(1)} ms`
  }

  async #work(client: number): Promise<void> {
    const { keysEach, valueBytes } = this.#options
    for (let turn = 0; !this.#isOver; turn++) {
      const key = `c${client}-k${turn % keysEach}`
      const value = `${client}:${turn} `.padEnd(valueBytes, 'x')
      await this.#timed(client + turn, (url) => this.#write(url, key, value))
      if (turn % 2 === 1) await this.#timed(client + turn + 1, (url) => this.#read(url, key))
    }
  }

  /** Tries one node after the other until one has done it. */
  async #timed(first: number, attempt: (url: string) => Promise<boolean>): Promise<void> {
    const { phase } = this
    const began = performance.now()
    for (let tries = 0; ; tries++) {
      const targets = this.#options.targets()
      if (await attempt(targets[(first + tries) % targets.length]!)) break
      assert.ok(performance.now() - began < GIVE_UP_MS, JSON.stringify(this.failures.slice(-10)))
      await sleep(RETRY_AFTER_MS)
    }
    const times = this.latencies.get(phase) ?? []
    this.latencies.set(phase, times)
    times.push(performance.now() - began)
  }

  async #write(url: string, key: string, value: string): Promise<boolean> {
    const known = this.#known.get(key) ?? { acknowledged: undefined, possible: [] }
    this.#known.set(key, known)
    known.possible.push(value)
    const response = await this.#fetch(`${url}/kv/${key}`, { method: 'PUT', body: value })
    if (response === undefined) return false
    if (response.code === undefined) {
      known.acknowledged = value
      known.possible = []
    } else if (response.outcome === 'rejected') known.possible.pop()
    return response.code === undefined
  }

  async #read(url: string, key: string): Promise<boolean> {
    const known = this.#known.get(key)!
    const response = await this.#fetch(`${url}/kv/${key}`)
    if (response === undefined || response.code !== undefined) return false
    const expected = [known.acknowledged, ...known.possible]
    assert.ok(
      expected.includes(response.text),
      `${key} is ${response.text}, not ${expected.join()}`,
    )
    return true
  }

  /** undefined: the connection failed; `code`: the server said no. */
  async #fetch(
    url: string,
    init: RequestInit = {},
  ): Promise<{ text: string; code?: string; outcome?: string } | undefined> {
    const beganAt = Date.now()
    const failed = (code: string, text: string): void => {
      this.failures.push({ beganAt, at: Date.now(), code, text, url })
    }
    try {
      const response = await fetch(url, init)
      const text = await response.text()
      if (response.ok) return { text }
      const { code, outcome } = JSON.parse(text) as { code: string; outcome?: string }
      failed(code, text)
      return { text, code, ...(outcome === undefined ? {} : { outcome }) }
    } catch (error) {
      failed('connection', String((error as Error).cause ?? error))
      return undefined
    }
  }
}
