/**
 * Changing the cluster's keys while it runs, without locking anybody out.
 *
 * Whoever seals with a key that another has not, is not heard by it; whoever loses a key that
 * another still seals with, does not hear it. So a new key goes in three steps, each of which is
 * looked at before the next (A.6 R12 of the rules of membership):
 *
 * ```
 *   install   all get the key, none seals with it yet
 *   use       all seal with it           refused while a node that is up has not said it has it
 *   remove    all forget the old one     refused while a member of the layout, dead ones too, has
 *                                        not said that it has the new primary and uses it
 * ```
 * A change is made as a bucket's is (`bucket-changes.ts`): stamp it, make it durable, tell
 * everybody, and answer when all who are up have it durably, or after a second with the names of
 * those who may not. To be told is not enough for a report: a node says what it has installed
 * durably, in answer to `keys-request` and in each of its state-syncs; the last word of each is
 * remembered, since a member that has gone down with the new key still has it.
 *
 * A node without a ring (its traffic is not encrypted, or not yet always) neither tells nor hears
 * of keys; asked, it says that it has none.
 *
 * Invariants: one ring at a time is on its way to the disk; nothing is told before it is durable.
 */
import type { Failure } from '../coordinator/messages.ts'
import { assert, must } from '../std/assert.ts'
import { equalBytes } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import type { Duration } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { Digest } from '../membership/leave-proof.ts'
import type { HybridClock } from '../versions/hybrid-clock.ts'
import { compareStamps, ZERO_STAMP } from '../versions/stamp.ts'
import type { Stamp } from '../versions/version.ts'
import type { KeyEntry, KeyId, KeyringState } from './cluster-key.ts'
import { keyIdOf, KEYS_MAX } from './cluster-key.ts'
import type { Host } from './host.ts'
import type { KeysAsk, KeysReport } from './key-asks.ts'
import { keysFailure } from './key-asks.ts'
import type { KeyRing } from './key-ring.ts'
import { confirmsKeys, installedKeys, primaryOf } from './key-ring.ts'
import type { KeysReply } from './messages.ts'

/** For a round of reports, and for the confirmations of a change. */
const ANSWER_WITHIN: Duration = duration(1_000)
/** Rounds of reports and changes under way at once: people make them, one after the other. */
const ASKS_MAX = 16

export interface KeyChangesParts {
  /** undefined: there are no keys to share. */
  readonly ring: KeyRing | undefined
  readonly digest: Digest
  readonly clock: HybridClock
  /** Of all active layouts; undefined before the node is part of a cluster. */
  readonly layoutMembers: () => readonly NodeId[] | undefined
  /** Who else is up. */
  readonly others: () => readonly NodeId[]
  /** A node's name for people. */
  readonly nameOf: (node: NodeId) => string
  /** Tells the others, and makes them tell us what they know then. */
  readonly announce: () => void
}

/** A round of reports. */
interface Round {
  readonly client: number
  readonly ask: Exclude<KeysAsk, { readonly what: 'install' }>
  // Bounded by: NODES_MAX.
  readonly waiting: Set<NodeId>
  // Bounded by: NODES_MAX.
  readonly reports: Map<NodeId, KeysReport>
}

interface Change {
  readonly client: number
  readonly id: KeyId
  /** What must be known, here durably, and by those that `waiting` names. */
  readonly word: KeyringState
  announced: boolean
  // Bounded by: NODES_MAX.
  readonly waiting: Set<NodeId>
}

export class KeyChanges {
  readonly #host: Host
  readonly #parts: KeyChangesParts
  // Bounded by: ASKS_MAX together with #changes.
  readonly #rounds = new Map<number, Round>()
  readonly #changes = new Map<number, Change>()
  // The last word of each node on its keys. Bounded by: NODES_MAX; beyond it all are asked anew.
  readonly #reports = new Map<NodeId, KeysReport>()
  /** On its way to the disk. */
  #storing: KeyringState | undefined
  #revision = 0

  constructor(host: Host, parts: KeyChangesParts) {
    this.#host = host
    this.#parts = parts
  }

  /** What others may be told; undefined: nothing, for there is no ring. */
  get durable(): KeyringState | undefined {
    return this.#parts.ring?.durable
  }

  /** A client asks: answered by one `cluster-keys` reply. */
  ask(client: number, ask: KeysAsk): void {
    const { ring } = this.#parts
    const problem = this.#problem()
    if (ring === undefined || problem !== undefined)
      return this.#refuse(client, problem ?? NOT_ENCRYPTED)
    if (ask.what === 'install') return this.#install(client, ring, ask.secret)
    const refusal = this.#refusal(ring, ask)
    if (refusal !== undefined) return this.#refuse(client, refusal)
    const request = this.#host.nextRequest()
    const waiting = new Set(this.#parts.others())
    this.#rounds.set(request, { client, ask, waiting, reports: new Map() })
    for (const peer of waiting) this.#host.send(peer, { type: 'keys-request', request })
    this.#arm(request)
    if (waiting.size === 0) this.#conclude(request)
  }

  /** Somebody asks what this node has. */
  requested(from: NodeId, request: number): void {
    const { keys, primary } = this.#ownReport()
    this.#host.send(from, { type: 'keys-reply', request, keys, primary })
  }

  replied(from: NodeId, { request, keys, primary }: KeysReply): void {
    const report = { keys, primary }
    this.#remember(from, report)
    const round = this.#rounds.get(request)
    if (round === undefined || !round.waiting.delete(from)) return
    round.reports.set(from, report)
    if (round.waiting.size === 0) this.#conclude(request)
  }

  /** A member has told what it knows durably; undefined: it shares no keys. */
  heard(from: NodeId, told: KeyringState | undefined): void {
    const { ring } = this.#parts
    if (ring === undefined || told === undefined) return
    this.#remember(from, reportOf(told))
    if (ring.merge(told)) this.#persist()
    for (const [id, change] of this.#changes) {
      if (!change.waiting.has(from) || !confirmsKeys(told, change.word)) continue
      change.waiting.delete(from)
      if (change.announced && change.waiting.size === 0) this.#succeed(id)
    }
  }

  /** The ring of that revision is durable; says whether others are to be told. */
  stored(revision: number): boolean {
    const { ring } = this.#parts
    if (ring === undefined || this.#storing === undefined || revision !== this.#revision)
      return false
    ring.stored(this.#storing)
    this.#storing = undefined
    const { keys, primary } = this.#ownReport()
    this.#host.note({ type: 'cluster-keys', keys, primary: must(primary, 'a primary key') })
    this.#announce(ring)
    this.#persist()
    return true
  }

  /** It could not be made durable: nothing of it is kept, and nobody is told. */
  storeFailed(revision: number, reason: string): void {
    if (this.#storing === undefined || revision !== this.#revision) return
    this.#storing = undefined
    this.#parts.ring?.rollBack()
    this.#host.note({ type: 'store-failed', reason })
    const message = `this node could not store the keys, and nothing was changed: ${reason}`
    for (const [id, { announced, client }] of this.#changes) {
      if (announced) continue
      this.#changes.delete(id)
      this.#refuse(client, keysFailure('DND_ERR_STORE_FAILED', message))
    }
  }

  /** The time of a round or of a change is over. */
  onTimer(ask: number): void {
    if (this.#rounds.has(ask)) return this.#conclude(ask)
    const change = this.#changes.get(ask)
    if (change === undefined) return
    if (change.announced) return this.#succeed(ask)
    this.#changes.delete(ask)
    const message = 'the change is not durable on this node yet; list the keys to see it'
    const late = keysFailure('DND_ERR_TIMEOUT', message)
    this.#refuse(change.client, { ...late, outcome: 'unknown' })
  }

  check(): void {
    this.#parts.ring?.check()
    const asks = this.#rounds.size + this.#changes.size
    assert(asks <= ASKS_MAX, () => `${asks} asks about keys`)
    assert(this.#reports.size <= NODES_MAX, () => `${this.#reports.size} reports of keys`)
  }

  /** What forbids any ask. */
  #problem(): Failure | undefined {
    if (this.#parts.ring === undefined) return NOT_ENCRYPTED
    if (this.#parts.layoutMembers() === undefined)
      return keysFailure('DND_ERR_NOT_READY', 'this node has not joined a cluster yet')
    return this.#rounds.size + this.#changes.size < ASKS_MAX
      ? undefined
      : keysFailure('DND_ERR_OVERLOADED', 'too many questions about keys at once; try again')
  }

  /** What forbids it whatever the others report. */
  #refusal(ring: KeyRing, ask: Round['ask']): Failure | undefined {
    if (ask.what === 'list') return undefined
    if (!installedKeys(ring.known).includes(ask.id))
      return keysFailure('DND_ERR_CLUSTER_KEY_UNKNOWN', `no key ${ask.id} is installed`)
    if (ask.what === 'remove' && primaryOf(ring.known) === ask.id)
      return keysFailure(
        'DND_ERR_CLUSTER_KEY_IN_USE',
        `${ask.id} is the primary: use another first`,
      )
    return undefined
  }

  #install(client: number, ring: KeyRing, secret: Uint8Array): void {
    const id = keyIdOf(secret, this.#parts.digest)
    const held = ring.known.entries.find((entry) => entry.id === id)
    if (held?.secret !== undefined)
      return equalBytes(held.secret, secret)
        ? this.#begin(client, ring, id, { entries: [held], primary: undefined })
        : this.#refuse(client, keysFailure('DND_ERR_BAD_CLUSTER_KEY', SAME_ID))
    if (installedKeys(ring.known).length >= KEYS_MAX)
      return this.#refuse(client, keysFailure('DND_ERR_TOO_MANY_CLUSTER_KEYS', FULL))
    const stamp = this.#stamp(ring)
    if (stamp === undefined) return this.#refuse(client, NO_STAMP)
    // A node that joins with the new key in its configuration takes it for its primary until it has
    // heard of another. From now on there is a word on that which outdoes such a guess.
    const primary = must(primaryOf(ring.known), 'a primary key')
    this.#begin(client, ring, id, {
      entries: [{ id, stamp, secret }],
      primary: { id: primary, stamp },
    })
  }

  /** All have reported, or had the time to. */
  #conclude(request: number): void {
    const round = must(this.#rounds.get(request), 'a round that is waited for')
    this.#rounds.delete(request)
    const { client, ask } = round
    const ring = must(this.#parts.ring, 'a ring')
    // Much may have happened meanwhile.
    const refusal = this.#refusal(ring, ask)
    if (refusal !== undefined) return this.#refuse(client, refusal)
    switch (ask.what) {
      case 'list':
        return this.#list(round)
      case 'use':
        return this.#use(round, ring, ask.id)
      case 'remove':
        return this.#remove(client, ring, ask)
    }
  }

  #list({ client, reports }: Round): void {
    const { self } = this.#host
    const nodes = [...new Set([self, ...this.#members(), ...reports.keys()])].sort()
    const members = nodes.map((node) => ({
      node,
      report: node === self ? this.#ownReport() : reports.get(node),
    }))
    this.#host.reply(client, { type: 'cluster-keys', result: { ok: true, what: 'list', members } })
  }

  #use({ client, reports, waiting }: Round, ring: KeyRing, id: KeyId): void {
    const up = this.#parts.others()
    const without = up.filter((node) => reports.get(node)?.keys.includes(id) === false)
    const silent = up.filter((node) => waiting.has(node) || !reports.has(node))
    if (!installedKeys(ring.durable).includes(id)) without.push(this.#host.self)
    if (without.length + silent.length > 0)
      return this.#refuse(client, this.#missing(id, without, silent))
    const { primary } = ring.known
    // Once more the same: only those who have not heard yet are waited for.
    const isSaid = primary?.id === id && compareStamps(primary.stamp, ZERO_STAMP) > 0
    const stamp = isSaid ? primary.stamp : this.#stamp(ring)
    if (stamp === undefined) return this.#refuse(client, NO_STAMP)
    this.#begin(client, ring, id, { entries: [], primary: { id, stamp } })
  }

  #missing(id: KeyId, without: readonly NodeId[], silent: readonly NodeId[]): Failure {
    const parts = [
      without.length > 0 ? `${this.#names(without)} without it` : '',
      silent.length > 0 ? `${this.#names(silent)} without an answer` : '',
    ]
    const who = parts.filter((part) => part !== '').join(', ')
    const message = `not all who are up have key ${id}: ${who}; who has it not would hear nobody who uses it`
    return keysFailure('DND_ERR_CLUSTER_KEY_MISSING', message)
  }

  #remove(client: number, ring: KeyRing, { id, force }: { id: KeyId; force: boolean }): void {
    const primary = must(primaryOf(ring.known), 'a primary key')
    const needing = this.#members().filter((node) => {
      const report = node === this.#host.self ? this.#ownReport() : this.#reports.get(node)
      return report === undefined || report.primary === id || !report.keys.includes(primary)
    })
    if (needing.length > 0 && !force) {
      const message = `${this.#names(needing)} did not report to have ${primary} and to use another key than ${id}, so may still need it`
      return this.#refuse(client, keysFailure('DND_ERR_CLUSTER_KEY_IN_USE', message))
    }
    const stamp = this.#stamp(ring)
    if (stamp === undefined) return this.#refuse(client, NO_STAMP)
    const removed: KeyEntry = { id, stamp, secret: undefined }
    this.#begin(client, ring, id, { entries: [removed], primary: undefined })
  }

  /** Makes the change, and waits for everybody who is up to confirm it. */
  #begin(client: number, ring: KeyRing, id: KeyId, word: KeyringState): void {
    const ask = this.#host.nextRequest()
    const waiting = new Set(this.#parts.others())
    this.#changes.set(ask, { client, id, word, announced: false, waiting })
    this.#arm(ask)
    if (ring.merge(word)) this.#persist()
    else this.#announce(ring)
  }

  #announce(ring: KeyRing): void {
    const before = [...this.#changes].filter(([, { announced }]) => !announced)
    const due = before.filter(([, { word }]) => confirmsKeys(ring.durable, word))
    for (const [, change] of due) change.announced = true
    if (due.length > 0) this.#parts.announce()
    for (const [ask, { waiting }] of due) if (waiting.size === 0) this.#succeed(ask)
  }

  #succeed(ask: number): void {
    const { client, id, waiting } = must(this.#changes.get(ask), 'a change that is waited for')
    this.#changes.delete(ask)
    const result = { ok: true, what: 'changed', id, report: this.#ownReport() } as const
    const pending = [...waiting].sort()
    this.#host.reply(client, { type: 'cluster-keys', result: { ...result, pending } })
  }

  #persist(): void {
    const { ring } = this.#parts
    if (ring === undefined || this.#storing !== undefined || ring.known === ring.durable) return
    this.#storing = ring.known
    this.#host.installKeys(++this.#revision, ring.known)
  }

  #stamp(ring: KeyRing): Stamp | undefined {
    return this.#parts.clock.draw(this.#host.wallMs, ring.greatestStamp)
  }

  #arm(ask: number): void {
    this.#host.arm({ owner: 'keys', ask }, later(this.#host.now, ANSWER_WITHIN))
  }

  #remember(node: NodeId, report: KeysReport): void {
    if (!this.#reports.has(node) && this.#reports.size >= NODES_MAX) this.#reports.clear()
    this.#reports.set(node, report)
  }

  #ownReport(): KeysReport {
    const state = this.durable
    return state === undefined ? { keys: [], primary: undefined } : reportOf(state)
  }

  /** Who must be able to talk to us: who has a role, and who else is up. */
  #members(): readonly NodeId[] {
    const all = [...(this.#parts.layoutMembers() ?? []), ...this.#parts.others()]
    return [...new Set(all)].sort()
  }

  #names(nodes: readonly NodeId[]): string {
    return nodes.map((node) => `${this.#parts.nameOf(node)} (${node})`).join(', ')
  }

  #refuse(client: number, result: Failure): void {
    this.#host.reply(client, { type: 'cluster-keys', result })
  }
}

const SAME_ID = 'another key with the same id is installed; generate a new one'
const FULL = `there are ${KEYS_MAX} keys already; remove those that nobody uses`
const NOT_ENCRYPTED = keysFailure(
  'DND_ERR_NOT_ENCRYPTED',
  'this node does not demand encryption of all traffic between nodes, so it shares no keys',
)
const NO_STAMP = keysFailure(
  'DND_ERR_OVERLOADED',
  'this node waits for its clock lease to be durable; try again',
)

function reportOf(state: KeyringState): KeysReport {
  return { keys: installedKeys(state), primary: primaryOf(state) }
}
