/**
 * Changing users and tokens: stamp the change, store it, tell everybody, and answer when all who
 * are up have it durably, or after a second with the names of those who may not
 * (`bucket-changes.ts`).
 * A token whose revocation was answered without names is refused by every node that is up.
 *
 * Two rules keep the operator from locking himself out: the first user or token may administer the
 * cluster, and the last that may is not removed. Two changes at once can break the second; then
 * a restart with `--admin-password-file` lets somebody in again.
 */
import { assert, must } from '../std/assert.ts'
import { duration, later } from '../std/instant.ts'
import type { NodeId } from '../std/ids.ts'
import type { Failure } from '../coordinator/messages.ts'
import type { HybridClock } from '../versions/hybrid-clock.ts'
import { ZERO_STAMP } from '../versions/stamp.ts'
import type { AccessRecord, Principal } from './access.ts'
import { principalNameProblem, principalProblem, sameGrant } from './access.ts'
import type { AccessAsk, AccessResult } from './access-asks.ts'
import { accessFailure as refusal } from './access-asks.ts'
import { AccessRegistry } from './access-registry.ts'
import { clonedFailure } from './cloned-identity.ts'
import type { Host } from './host.ts'
import { stateKey } from './storage-keys.ts'

const CONFIRM_WITHIN = duration(1_000)
/** Changes waiting for confirmation at once. */
const CHANGES_MAX = 64

interface Change {
  readonly client: number
  readonly record: AccessRecord
  /** Of the registry: what must be durable here. */
  readonly revision: number
  announced: boolean
  // Bounded by: NODES_MAX.
  readonly waiting: Set<NodeId>
}

export interface AccessChangesParts {
  readonly registry: AccessRegistry
  readonly clock: HybridClock
  /** Whether this node knows what the others know. */
  readonly isReady: () => boolean
  /** Whether all members that are up understand what they are told of users. */
  readonly isSpoken: () => boolean
  /** Who else is up. */
  readonly others: () => readonly NodeId[]
  /** Tells them, and makes them tell us what they know then. */
  readonly announce: () => void
}

export class AccessChanges {
  readonly #host: Host
  readonly #parts: AccessChangesParts
  // Bounded by: CHANGES_MAX.
  readonly #changes = new Map<number, Change>()
  #count = 0

  constructor(host: Host, parts: AccessChangesParts) {
    this.#host = host
    this.#parts = parts
  }

  /** Who is known. */
  get registry(): AccessRegistry {
    return this.#parts.registry
  }

  /** A client wants a change: answered by one `access` reply. */
  ask(client: number, ask: AccessAsk): void {
    const problem = this.#problem(ask)
    if (problem !== undefined) return this.#reply(client, problem)
    const changed = this.#changed(ask)
    if ('ok' in changed) return this.#reply(client, changed)
    this.#begin(client, ask, changed.principal)
  }

  /** What was known at `revision` is durable here: now the others are told. */
  stored(revision: number): void {
    const { registry } = this.#parts
    registry.stored(revision)
    let isOurs = false
    for (const change of this.#changes.values()) {
      if (change.announced || change.revision > registry.durableRevision) continue
      change.announced = true
      isOurs = true
    }
    if (isOurs) this.#parts.announce()
    for (const [id, { waiting, announced }] of this.#changes)
      if (announced && waiting.size === 0) this.#succeed(id)
  }

  /** A member has told us what it knows durably. */
  heard(from: NodeId, records: readonly AccessRecord[]): void {
    if (this.#parts.registry.merge(records)) this.persist()
    for (const [id, change] of this.#changes) {
      if (!change.waiting.has(from) || !AccessRegistry.confirms(records, change.record)) continue
      change.waiting.delete(from)
      if (change.waiting.size === 0 && change.announced) this.#succeed(id)
    }
  }

  /** The time for confirmations is over: answers with the members that have not confirmed. */
  finish(id: number): void {
    const change = this.#changes.get(id)
    if (change === undefined) return
    if (change.announced) return this.#succeed(id)
    this.#changes.delete(id)
    const message = 'the change is not durable on this node yet; list the users to see it'
    this.#reply(change.client, { ...refusal('DND_ERR_TIMEOUT', message), outcome: 'unknown' })
  }

  persist(): void {
    const { registry } = this.#parts
    if (!registry.isLocked) return
    const value = registry.encode()
    this.#host.store('access', registry.revision, [{ type: 'put', key: stateKey('access'), value }])
  }

  check(): void {
    assert(this.#changes.size <= CHANGES_MAX, () => `${this.#changes.size} changes of users`)
  }

  /** What forbids it, whatever it would come to. */
  #problem({ name }: AccessAsk): Failure | undefined {
    const { clonedBy } = this.#host
    if (clonedBy !== undefined) return clonedFailure(clonedBy)
    if (!this.#parts.isReady())
      return refusal('DND_ERR_NOT_READY', 'this node has not joined a cluster yet')
    if (!this.#parts.isSpoken()) return refusal('DND_ERR_NOT_READY', MIXED)
    const problem = principalNameProblem(name)
    if (problem !== undefined) return refusal('DND_ERR_BAD_PRINCIPAL', problem)
    return this.#changes.size < CHANGES_MAX
      ? undefined
      : refusal('DND_ERR_OVERLOADED', 'too many changes of users at once; try again')
  }

  /** What is to be known of the name from now on, or why not. */
  #changed(ask: AccessAsk): { readonly principal: Principal | undefined } | Failure {
    const { registry } = this.#parts
    const { kind, name } = ask
    const held = registry.find(kind, name)
    if (ask.what === 'create') {
      if (held !== undefined)
        return refusal('DND_ERR_PRINCIPAL_EXISTS', `there is a ${kind} ${name} already`)
      if (registry.full && registry.record(kind, name) === undefined)
        return refusal('DND_ERR_TOO_MANY_PRINCIPALS', FULL)
    } else if (held === undefined)
      return refusal('DND_ERR_PRINCIPAL_UNKNOWN', `there is no ${kind} ${name}`)
    const principal = apply(ask, held)
    const problem = principal && principalProblem(principal)
    if (problem !== undefined) return refusal('DND_ERR_BAD_PRINCIPAL', problem)
    const record = { kind, name, stamp: ZERO_STAMP, principal }
    if (!registry.hasAdminWith(record))
      return refusal('DND_ERR_LAST_ADMIN', registry.isLocked ? LAST : FIRST)
    return { principal }
  }

  /** Makes the change, and waits for everybody who is up to confirm it. */
  #begin(client: number, { kind, name }: AccessAsk, principal: Principal | undefined): void {
    const { registry, clock } = this.#parts
    const before = registry.record(kind, name)?.stamp ?? ZERO_STAMP
    const stamp = clock.draw(this.#host.wallMs, before)
    if (stamp === undefined) return this.#reply(client, NO_STAMP)
    const record: AccessRecord = { kind, name, stamp, principal }
    registry.merge([record])
    const { revision } = registry
    const waiting = new Set(this.#parts.others())
    const change = ++this.#count
    this.#changes.set(change, { client, record, revision, announced: false, waiting })
    this.#host.arm({ owner: 'access', change }, later(this.#host.now, CONFIRM_WITHIN))
    this.persist()
  }

  #succeed(id: number): void {
    const { client, record, waiting } = must(this.#changes.get(id), 'a change that is waited for')
    this.#changes.delete(id)
    const grants = record.principal?.grants ?? []
    this.#reply(client, { ok: true, grants, pending: [...waiting].sort() })
  }

  #reply(client: number, result: AccessResult): void {
    this.#host.reply(client, { type: 'access', result })
  }
}

function apply(ask: AccessAsk, held: Principal | undefined): Principal | undefined {
  if (ask.what === 'create') return { secret: ask.secret, grants: ask.grants }
  const { secret, grants } = must(held, 'one that is there')
  switch (ask.what) {
    case 'remove':
      return undefined
    case 'secret':
      return { secret: ask.secret, grants }
    case 'grant':
      return { secret, grants: [...without(grants, ask), ask.grant] }
    case 'revoke':
      return { secret, grants: without(grants, ask) }
  }
}

function without(
  grants: Principal['grants'],
  { grant }: Extract<AccessAsk, { readonly what: 'grant' | 'revoke' }>,
): Principal['grants'] {
  return grants.filter((each) => !sameGrant(each, grant))
}

const FIRST = 'the first user or token must be an admin of all buckets, or nobody could add another'
const LAST = 'nobody else is an admin of all buckets: nobody could let anybody in any more'
const FULL = 'there are as many users and tokens as there may be; use the name of a removed one'
const MIXED = 'a member that is up runs a version that knows no users; upgrade it first'
const NO_STAMP = refusal(
  'DND_ERR_OVERLOADED',
  'this node waits for its clock lease to be durable; try again',
)
