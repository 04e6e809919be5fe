/**
 * What the tests of this folder stand on: a host that notes all that it is asked for, and a store
 * that is a map.
 */
import { instant } from '../std/instant.ts'
import type { Instant } from '../std/instant.ts'
import type { Address, NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import { compareBytes } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { Layout, Role } from '../placement/layout.ts'
import { planLayout } from '../placement/plan-layout.ts'
import { cut } from '../ports.ts'
import type { ScanRange, StoreEntry, StoreOperation, StoreRead, StoreReader } from '../ports.ts'
import { EMPTY_CONTAINER, write } from '../versions/container.ts'
import { encodeRecord } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'
import type { PeerMessage } from '../wire/messages.ts'
import type { KeyringState } from './cluster-key.ts'
import type { ClientReply, Note } from './events.ts'
import { LocalHoldings } from './holdings.ts'
import type { Host, NodeTimer, ScanOwner, StoreOwner } from './host.ts'
import { listingKey, recordKey } from './storage-keys.ts'

export const WALL = 1_700_000_000_000

const node = (digit: string): NodeId => digit.repeat(16) as NodeId
export const A: NodeId = node('a')
export const B: NodeId = node('b')
export const C: NodeId = node('c')
export const D: NodeId = node('d')

export const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0))
export const partition = (number: number): PartitionId => number as PartitionId

export function holdingsOf(store: StoreReader): LocalHoldings {
  const silent = (): void => undefined
  return new LocalHoldings({ store, checksum: crc32, onChange: silent, onBrokenClock: silent })
}

export class FakeHost implements Host {
  self: NodeId = A
  now: Instant = instant(0)
  wallMs: number = WALL
  storeBusy = false
  clonedBy: Address | undefined
  readonly down: Set<NodeId> = new Set()
  /** Up, and better not asked. */
  readonly suspect: Set<NodeId> = new Set()
  /** 0 for all others. */
  readonly distances: Map<NodeId, number> = new Map()
  readonly sent: { readonly to: NodeId; readonly message: PeerMessage }[] = []
  readonly batches: {
    readonly owner: StoreOwner
    readonly token: number
    readonly operations: readonly StoreOperation[]
  }[] = []
  readonly scans: {
    readonly owner: ScanOwner
    readonly token: number
    readonly ranges: readonly ScanRange[]
  }[] = []
  readonly keyrings: { readonly revision: number; readonly state: KeyringState }[] = []
  readonly timers: { readonly timer: NodeTimer; readonly at: Instant }[] = []
  readonly replies: { readonly client: number; readonly reply: ClientReply }[] = []
  readonly notes: Note[] = []
  #request = 0

  nextRequest(): number {
    return ++this.#request
  }

  isUp(node: NodeId): boolean {
    return !this.down.has(node)
  }

  isPreferred(node: NodeId): boolean {
    return !this.down.has(node) && !this.suspect.has(node)
  }

  distance(node: NodeId): number {
    return this.distances.get(node) ?? 0
  }

  send(to: NodeId, message: PeerMessage): void {
    this.sent.push({ to, message })
  }

  store(owner: StoreOwner, token: number, operations: readonly StoreOperation[]): void {
    this.batches.push({ owner, token, operations })
  }

  scan(owner: ScanOwner, token: number, ranges: readonly ScanRange[]): void {
    this.scans.push({ owner, token, ranges })
  }

  installKeys(revision: number, state: KeyringState): void {
    this.keyrings.push({ revision, state })
  }

  arm(timer: NodeTimer, at: Instant): void {
    this.timers.push({ timer, at })
  }

  reply(client: number, reply: ClientReply): void {
    this.replies.push({ client, reply })
  }

  note(note: Note): void {
    this.notes.push(note)
  }

  /** What was sent of one type, in order. */
  sentOf<T extends PeerMessage['type']>(
    type: T,
  ): { readonly to: NodeId; readonly message: Extract<PeerMessage, { type: T }> }[] {
    return this.sent.flatMap(({ to, message }) =>
      message.type === type ? [{ to, message: message as Extract<PeerMessage, { type: T }> }] : [],
    )
  }
}

export class FakeStore implements StoreReader {
  readonly entries: StoreEntry[] = []

  get(key: Uint8Array): StoreRead {
    return this.entries.find((entry) => compareBytes(entry.key, key) === 0)?.value
  }

  /** What this store takes is durable at once. */
  getDurable(key: Uint8Array): StoreRead {
    return this.get(key)
  }

  apply(operations: readonly StoreOperation[]): void {
    for (const operation of operations) {
      const { entries } = this
      if (operation.type === 'clear') {
        const kept = entries.filter(({ key }) => !isWithin(key, operation.from, operation.to))
        entries.splice(0, entries.length, ...kept)
        continue
      }
      const place = entries.findIndex(({ key }) => compareBytes(key, operation.key) === 0)
      if (place >= 0) entries.splice(place, 1)
      if (operation.type === 'put') entries.push({ key: operation.key, value: operation.value })
    }
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.apply([{ type: 'put', key, value }])
  }

  /** Flips a bit of what is stored. */
  damage(key: Uint8Array): void {
    const bytes = (this.get(key) as Uint8Array).slice()
    bytes[bytes.length - 1]! ^= 1
    this.put(key, bytes)
  }

  scan(range: ScanRange): StoreEntry[] {
    const found = this.entries.filter(({ key }) => isWithin(key, range.from, range.to))
    found.sort((a, b) => compareBytes(a.key, b.key) * (range.reverse ? -1 : 1))
    return cut(range, found)
  }
}

function isWithin(key: Uint8Array, from: Uint8Array, to: Uint8Array): boolean {
  return compareBytes(key, from) >= 0 && compareBytes(key, to) < 0
}

/** A container with one write more. */
export function written(
  vnode: number,
  counter: number,
  value: Uint8Array | 'deleted' = Uint8Array.of(counter),
  local: Container = EMPTY_CONTAINER,
): Container {
  return write(local, {
    dot: { vnode: vnode as VnodeId, counter },
    stamp: { ms: counter, counter: 0 },
    value:
      value === 'deleted'
        ? undefined
        : { bytes: value, contentType: 'text/plain', metadata: [], expiresAtMs: 0 },
    context: local.vector,
    tombstone: true,
  })
}

export const recordOf = (container: Container): Uint8Array => encodeRecord(container, crc32)

/** The storage key of an item of the bucket `default`. */
export function keyIn(place: number, key: string, bucket = 'default'): Uint8Array {
  return recordKey(partition(place), bucket, listingKey(bytes(key), undefined))
}

export const role = (node: NodeId, zone = 'z', weight = 100): Role => ({ node, zone, weight })

/** A layout of these nodes, planned after `previous`. */
export function layoutOf(
  nodes: readonly NodeId[],
  previous: Layout | undefined = undefined,
  partitions = 8,
): Layout {
  return planLayout({ previous, roles: nodes.map((node) => role(node)), partitions, replicas: 3 })
}
