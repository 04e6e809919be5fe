/**
 * Load over plain HTTP/1.1: connections that each have one request in flight, as so many clients
 * would. Requests are written as bytes prepared before, and answers are parsed only as far as it
 * takes to find their end, so that on a machine of few cores the loader leaves as much of it as
 * possible to what is measured.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Latencies } from './latencies.ts'

export interface Target {
  readonly host: string
  readonly port: number
}

export interface LoadOptions {
  /** Connections go to them in turn. */
  readonly targets: readonly Target[]
  readonly connections: number
  /** How long to measure, milliseconds. */
  readonly forMs: number
  /** Not measured, milliseconds. */
  readonly warmUpMs: number
  /** The bytes of the next request. */
  readonly next: () => Buffer
}

export interface LoadResult {
  readonly requests: number
  /** Answers with a status of 400 or more. */
  readonly errors: number
  readonly seconds: number
  readonly latencies: Latencies
}

const HEAD_END = Buffer.from('\r\n\r\n')

/** Runs the load; `onMeasure` is called when the warm-up ends and when the measurement does. */
export async function runLoad(
  options: LoadOptions,
  onMeasure: (phase: 'begin' | 'end') => void,
): Promise<LoadResult> {
  const tally = { latencies: new Latencies(), errors: 0, measuring: false, over: false }
  const clients = Array.from({ length: options.connections }, (_, i) =>
    runConnection(options.targets[i % options.targets.length]!, options.next, tally),
  )
  await pause(options.warmUpMs)
  onMeasure('begin')
  tally.measuring = true
  const began = performance.now()
  await pause(options.forMs)
  tally.measuring = false
  const seconds = (performance.now() - began) / 1000
  onMeasure('end')
  tally.over = true
  await Promise.all(clients)
  const { latencies, errors } = tally
  return { requests: latencies.count, errors, seconds, latencies }
}

/** Sends each of `requests` once, over a few connections: to fill a store before it is measured. */
export async function sendAll(
  targets: readonly Target[],
  connections: number,
  requests: Iterator<Buffer>,
): Promise<number> {
  const tally = { latencies: new Latencies(), errors: 0, measuring: true, over: false }
  const next = (): Buffer | undefined => {
    const { done, value } = requests.next()
    return done === true ? undefined : value
  }
  await Promise.all(
    Array.from({ length: connections }, (_, i) =>
      runConnection(targets[i % targets.length]!, next, tally),
    ),
  )
  return tally.errors
}

interface Tally {
  readonly latencies: Latencies
  errors: number
  measuring: boolean
  over: boolean
}

function runConnection(
  target: Target,
  next: () => Buffer | undefined,
  tally: Tally,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(target.port, target.host)
    socket.setNoDelay(true)
    let sentAt = 0
    const send = (): void => {
      const request = tally.over ? undefined : next()
      if (request === undefined) {
        socket.destroy()
        return resolve()
      }
      sentAt = performance.now()
      socket.write(request)
    }
    socket.on('connect', send)
    socket.on('error', reject)
    onAnswers(socket, (status) => {
      if (tally.measuring) {
        tally.latencies.add(performance.now() - sentAt)
        if (status >= 400) tally.errors++
      }
      send()
    })
  })
}

/** Calls back with the status of each answer, when all of it is here. */
function onAnswers(socket: Socket, answered: (status: number) => void): void {
  let pending: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    const head = pending.indexOf(HEAD_END)
    if (head < 0) return
    const text = pending.toString('latin1', 0, head)
    const length = /\r\ncontent-length: (\d+)/i.exec(text)
    const end = head + 4 + (length === null ? 0 : Number(length[1]))
    if (pending.length < end) return
    pending = pending.subarray(end)
    answered(Number(text.slice(9, 12)))
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
