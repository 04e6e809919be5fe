/**
 * Requests by front (api), operation and status, with their durations: plain numbers, since they
 * are touched by every request.
 */
import { OTHER } from './counts.ts'
import { LatencyCounts } from './latency-histogram.ts'
import type { LatencySeries } from './latency-histogram.ts'

/** Fronts, and operations of each; more are counted as `other`. */
const APIS_MAX = 8
const OPERATIONS_MAX = 64
const STATUS_MIN = 100
const STATUS_MAX = 599

class OperationCounts {
  /** One for each status. */
  readonly statuses: Float64Array = new Float64Array(STATUS_MAX - STATUS_MIN + 1)
  readonly latency = new LatencyCounts()
}

export interface RequestCount {
  readonly api: string
  readonly op: string
  readonly code: string
  readonly count: number
}

export class RequestCounts {
  // Bounded by: APIS_MAX fronts with OPERATIONS_MAX operations each, and `other`.
  readonly #apis = new Map<string, Map<string, OperationCounts>>()

  add(api: string, op: string, status: number, seconds: number): void {
    const operations = take(this.#apis, api, APIS_MAX, () => new Map<string, OperationCounts>())
    const counts = take(operations, op, OPERATIONS_MAX, () => new OperationCounts())
    const place = status >= STATUS_MIN && status <= STATUS_MAX ? status - STATUS_MIN : 400
    counts.statuses[place]! += 1
    counts.latency.add(seconds)
  }

  *counts(): Generator<RequestCount> {
    for (const [api, operations] of this.#apis)
      for (const [op, { statuses }] of operations)
        for (const [place, count] of statuses.entries())
          if (count > 0) yield { api, op, code: String(place + STATUS_MIN), count }
  }

  latencies(): readonly LatencySeries[] {
    const all: LatencySeries[] = []
    for (const [api, operations] of this.#apis)
      for (const [op, { latency }] of operations) all.push({ labels: { api, op }, counts: latency })
    return all
  }
}

function take<T>(map: Map<string, T>, name: string, max: number, make: () => T): T {
  const found = map.get(name)
  if (found !== undefined) return found
  if (map.size >= max && name !== OTHER) return take(map, OTHER, max + 1, make)
  const made = make()
  map.set(name, made)
  return made
}
