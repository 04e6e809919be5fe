/**
 * Writes on their way to a replica that may coordinate them. A node that holds no replica of a
 * partition draws no dots for it (V2), so it passes the write on and hands the answer back.
 *
 * The one danger is coordinating twice: a write that was sent, and whose answer is lost, may be
 * done. It is sent to another replica only when the first refused it (nothing stored) or when the
 * connection for which it waited was never made; otherwise the client hears `unknown`. That the
 * target is said to be dead is no proof: its message may wait for a partition to heal.
 */
import { assert } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { since } from '../std/instant.ts'
import type { Failure, ForwardReply, WriteOperation, WriteResult } from '../coordinator/messages.ts'
import { timeoutFailure } from '../coordinator/writes.ts'
import type { Host } from './host.ts'

interface Forwarded {
  readonly client: number
  readonly operation: WriteOperation
  readonly layoutVersion: number
  readonly deadline: Instant
  /** Replicas not tried yet. Bounded by: the replicas of a partition. */
  readonly candidates: NodeId[]
  target: NodeId
  /** Whether a connection stood when it was sent: then it may have arrived. */
  sent: boolean
  refusal: Failure | undefined
}

export class Forwards {
  readonly #host: Host
  readonly #isLinked: (peer: NodeId) => boolean
  // Bounded by: the node's requestsInFlightMax, checked before a start.
  readonly #forwards = new Map<number, Forwarded>()

  constructor(host: Host, isLinked: (peer: NodeId) => boolean) {
    this.#host = host
    this.#isLinked = isLinked
  }

  get size(): number {
    return this.#forwards.size
  }

  /** Passes the write on to the first of `candidates` that takes it. */
  start(
    client: number,
    operation: WriteOperation,
    candidates: readonly NodeId[],
    layoutVersion: number,
    deadline: Instant,
    refusal: Failure | undefined,
  ): void {
    const forwarded: Forwarded = {
      client,
      operation,
      layoutVersion,
      deadline,
      candidates: [...candidates],
      target: this.#host.self,
      sent: false,
      refusal,
    }
    this.#next(forwarded)
  }

  replied(from: NodeId, reply: ForwardReply): void {
    const forwarded = this.#forwards.get(reply.request)
    if (forwarded === undefined || forwarded.target !== from) return
    this.#forwards.delete(reply.request)
    const { result } = reply
    if (!result.ok && isRetryable(result)) {
      forwarded.refusal = result
      return this.#next(forwarded)
    }
    this.#answer(forwarded, result)
  }

  linkUp(peer: NodeId): void {
    for (const forwarded of this.#forwards.values())
      if (forwarded.target === peer) forwarded.sent = true
  }

  /** The connection is gone with all that was queued on it: what was never sent never will be. */
  linkDown(peer: NodeId): void {
    for (const [request, forwarded] of this.#forwards) {
      if (forwarded.target !== peer) continue
      this.#forwards.delete(request)
      if (forwarded.sent) this.#answer(forwarded, lostFailure(peer))
      else this.#next(forwarded)
    }
  }

  /**
   * The peer is said to be dead. That proves nothing: what waits for a connection may still be
   * delivered, so it waits on, for the connection or for its own deadline, and what was sent may be
   * done.
   */
  memberDown(peer: NodeId): void {
    for (const [request, forwarded] of this.#forwards) {
      if (forwarded.target !== peer || !forwarded.sent) continue
      this.#forwards.delete(request)
      this.#answer(forwarded, lostFailure(peer))
    }
  }

  onDeadline(request: number): void {
    const forwarded = this.#forwards.get(request)
    if (forwarded === undefined) return
    this.#forwards.delete(request)
    this.#answer(forwarded, timeoutFailure(1, 0))
  }

  check(): void {
    for (const { target } of this.#forwards.values())
      assert(target !== this.#host.self, 'a write forwarded to ourselves')
  }

  #next(forwarded: Forwarded): void {
    const target = this.#takeBest(forwarded.candidates)
    if (target === undefined) return this.#answer(forwarded, forwarded.refusal ?? nobodyFailure())
    const request = this.#host.nextRequest()
    forwarded.target = target
    forwarded.sent = this.#isLinked(target)
    this.#forwards.set(request, forwarded)
    const { layoutVersion, deadline } = forwarded
    const timeoutMs = Math.max(1, Math.ceil(since(this.#host.now, deadline)))
    const operation = { ...forwarded.operation, timeoutMs }
    this.#host.send(target, { type: 'forward', request, layoutVersion, operation })
    this.#host.arm({ owner: 'forwards', request }, deadline)
    this.#host.note({ type: 'forwarded' })
  }

  /**
   * Takes out whom to send to: the nearest of those that we would rather ask, else of those that
   * are up. What has once been sent waits for its one target, so it matters whom it goes to.
   */
  #takeBest(candidates: NodeId[]): NodeId | undefined {
    const preferred = this.#nearest(candidates.filter((node) => this.#host.isPreferred(node)))
    const best = preferred ?? this.#nearest(candidates.filter((node) => this.#host.isUp(node)))
    if (best !== undefined) candidates.splice(candidates.indexOf(best), 1)
    return best
  }

  /** The first of those that are as near. */
  #nearest(nodes: readonly NodeId[]): NodeId | undefined {
    let best: NodeId | undefined
    for (const node of nodes)
      if (best === undefined || this.#host.distance(node) < this.#host.distance(best)) best = node
    return best
  }

  #answer(forwarded: Forwarded, result: WriteResult): void {
    if (!result.ok) this.#host.note({ type: 'request-failed', code: result.code })
    this.#host.reply(forwarded.client, { type: 'write', result })
  }
}

/**
 * Refused before anything was stored, and perhaps for a reason that another replica does not share.
 */
function isRetryable(failure: Failure): boolean {
  if (failure.outcome !== 'rejected') return false
  return (
    failure.code === 'DND_ERR_NOT_READY' ||
    failure.code === 'DND_ERR_STORE_FAILED' ||
    failure.code === 'DND_ERR_OVERLOADED' ||
    failure.code === 'DND_ERR_LAYOUT_CHANGING' ||
    failure.code === 'DND_ERR_CLONED_IDENTITY'
  )
}

function lostFailure(peer: NodeId): Failure {
  return {
    ok: false,
    code: 'DND_ERR_TIMEOUT',
    outcome: 'unknown',
    needed: 1,
    got: 0,
    message: `the connection to the coordinating node ${peer} was lost; the write may be stored`,
  }
}

function nobodyFailure(): Failure {
  return {
    ok: false,
    code: 'DND_ERR_QUORUM_UNAVAILABLE',
    outcome: 'rejected',
    needed: 1,
    got: 0,
    message: 'none of the replicas of this key can be reached',
  }
}
