/** What the tests of this folder generate: every message, within its limits and at them. */
import fc from 'fast-check'
import type { Failure, Forward, WriteOperation } from '../coordinator/messages.ts'
import type { MemberRecord } from '../membership/member.ts'
import type { SwimPacket } from '../membership/messages.ts'
import { LOCAL_HEALTH_MAX, NACK_MS_MAX } from '../membership/messages.ts'
import { TTL_MS_MAX } from '../node/buckets.ts'
import type { KeyId, KeyringState } from '../node/cluster-key.ts'
import { KEY_BYTES, KEYS_MAX } from '../node/cluster-key.ts'
import type { BucketRecord, ListEntry, StateSync } from '../node/messages.ts'
import type { Layout, LayoutState, Role } from '../placement/layout.ts'
import { hashLayout } from '../placement/layout-codec.ts'
import type { ClusterId, NodeId, PartitionId } from '../std/ids.ts'
import type { AccessRecord } from '../node/access.ts'
import { SECRET_BYTES_MAX } from '../node/access.ts'
import { GRANTS_MAX, LIST_LIMIT_MAX, VALUE_BYTES_MAX } from '../std/limits.ts'
import { contexts, stamps, values } from '../versions/arbitraries.test.ts'
import { exchangeMessages } from './exchange-samples.test.ts'
import { registerMessages } from './register-samples.test.ts'
import { watchMessages } from './watch-samples.test.ts'
import { hintMessages } from './hint-samples.test.ts'
import type { LinkMessage, PeerMessage } from './messages.ts'

/** Every run of the suite tries the same cases. */
export const SEED = 5001

const none = { nil: undefined }

/** What was generated as a decoder builds it: fast-check makes some objects without a prototype. */
export function plain<T>(generated: T): T {
  return structuredClone(generated)
}

export const nodeIds: fc.Arbitrary<NodeId> = fc
  .stringMatching(/^[0-9a-f]{16}$/)
  .map((id) => id as NodeId)
export const clusterIds: fc.Arbitrary<ClusterId> = fc
  .stringMatching(/^[0-9a-f]{32}$/)
  .map((id) => id as ClusterId)

const numbers = fc.oneof(fc.nat(300), fc.maxSafeNat())
const partitions = fc.nat(4095).map((partition) => partition as PartitionId)
const bytes = fc.uint8Array({ maxLength: 60 })
const names = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/)
const sentences = fc.string({ unit: 'grapheme', maxLength: 40 })
const zones = fc.string({ unit: 'grapheme-ascii', maxLength: 12 })
const weights = fc.integer({ min: 0, max: 1000 })

const addresses = fc.record({
  host: fc.constantFrom('127.0.0.1', 'node1.example.net', '::1'),
  port: fc.integer({ min: 1, max: 65_535 }),
})

/** Zeros stand for none. */
const hexOf = (digits: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((hex) => /[^0]/.test(hex))

export const members: fc.Arbitrary<MemberRecord> = fc
  .record({
    info: fc.record({
      id: nodeIds,
      name: sentences.filter((name) => name.length < 16),
      address: addresses,
      httpAddress: addresses,
      zone: zones,
      weight: weights,
      version: sentences.filter((text) => text.length < 8),
      leaveLock: fc.stringMatching(/^[0-9a-f]{32}$/),
    }),
    generation: fc.maxSafeNat(),
    incarnation: fc.nat(0xffff),
    state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
    degraded: fc.boolean(),
    draining: fc.boolean(),
    accuser: fc.option(hexOf(16), none),
    leaveProof: fc.option(hexOf(32), none),
  })
  .map(({ degraded, draining, accuser, leaveProof, ...record }) => ({
    ...record,
    ...(degraded && { degraded }),
    ...(draining && { draining }),
    ...(record.state === 'suspect' && accuser !== undefined && { accuser: accuser as NodeId }),
    ...(record.state === 'left' && leaveProof !== undefined && { leaveProof }),
  }))

const roles: fc.Arbitrary<Role[]> = fc
  .uniqueArray(
    fc.record({ node: nodeIds, zone: zones, weight: fc.integer({ min: 1, max: 1000 }) }),
    {
      minLength: 1,
      maxLength: 5,
      selector: (role) => role.node,
    },
  )
  .map((list) => list.toSorted((a, b) => (a.node < b.node ? -1 : 1)))

function layoutOf(version: number, previousHash: number, nodes: readonly Role[]): Layout {
  const size = Math.min(3, nodes.length)
  const table = Array.from({ length: 8 }, (_, partition) =>
    Array.from({ length: size }, (_unused, i) => (partition + i) % nodes.length),
  )
  const content = { version, previousHash, partitions: 8, replicas: 3, roles: nodes, table }
  return { ...content, hash: hashLayout(content) }
}

const layouts: fc.Arbitrary<LayoutState> = fc
  .tuple(fc.integer({ min: 2, max: 1000 }), roles, roles, fc.boolean())
  .map(([version, before, after, moving]) => {
    const previous = layoutOf(version, 7, before)
    const current = layoutOf(version + 1, previous.hash, after)
    if (!moving) return { current, previous: undefined, synced: [], acked: [], lost: [] }
    const ids = after.slice(1).map((role) => role.node)
    return { current, previous, synced: ids, acked: ids.slice(1), lost: ids.slice(0, 1) }
  })

export const bucketRecords: fc.Arbitrary<BucketRecord> = fc.record({
  name: names,
  stamp: stamps,
  properties: fc.option(
    fc
      .record({
        n: fc.integer({ min: 1, max: 7 }),
        r: fc.integer({ min: 1, max: 7 }),
        w: fc.integer({ min: 1, max: 7 }),
        conflicts: fc.constantFrom('lww' as const, 'siblings' as const),
        valueBytesMax: fc.integer({ min: 1, max: VALUE_BYTES_MAX }),
        sloppy: fc.boolean(),
        ttlMs: fc.integer({ min: 0, max: TTL_MS_MAX }),
      })
      .map((p) => ({ ...p, r: Math.min(p.r, p.n), w: Math.min(p.w, p.n) })),
    none,
  ),
})

const keyIds = fc.stringMatching(/^[0-9a-f]{8}$/).map((id) => id as KeyId)
const inOrder = (a: { id: KeyId }, b: { id: KeyId }): number => (a.id < b.id ? -1 : 1)

export const keyrings: fc.Arbitrary<KeyringState> = fc.record({
  entries: fc
    .uniqueArray(
      fc.record({
        id: keyIds,
        stamp: stamps,
        secret: fc.option(fc.uint8Array({ minLength: KEY_BYTES, maxLength: KEY_BYTES }), none),
      }),
      { maxLength: KEYS_MAX, selector: ({ id }) => id },
    )
    .map((entries) => entries.toSorted(inOrder)),
  primary: fc.option(fc.record({ id: keyIds, stamp: stamps }), none),
})

const keysReplies = fc
  .tuple(numbers, fc.uniqueArray(keyIds, { maxLength: KEYS_MAX }), fc.nat())
  .map(([request, keys, place]) => ({
    ...{ type: 'keys-reply' as const, request, keys: keys.toSorted() },
    primary: keys.length === 0 ? undefined : keys[place % keys.length],
  }))

const accessRecords: fc.Arbitrary<AccessRecord> = fc.record({
  kind: fc.constantFrom('user' as const, 'token' as const),
  name: fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,63}$/),
  stamp: stamps,
  principal: fc.option(
    fc.record({
      secret: fc.uint8Array({ minLength: 1, maxLength: SECRET_BYTES_MAX }),
      grants: fc.array(
        fc.record({
          role: fc.constantFrom('read' as const, 'write' as const),
          bucket: fc.constantFrom('', 'default', 'carts'),
          prefix: fc.uint8Array({ maxLength: 8 }),
        }),
        { maxLength: GRANTS_MAX },
      ),
    }),
    none,
  ),
})

const stateSyncs: fc.Arbitrary<StateSync> = fc
  .record({
    type: fc.constant('state-sync' as const),
    answer: fc.boolean(),
    members: fc.array(members, { maxLength: 4 }),
    layout: fc.option(layouts, none),
    buckets: fc.array(bucketRecords, { maxLength: 4 }),
    keyring: fc.option(keyrings, none),
    access: fc.array(accessRecords, { maxLength: 4 }),
  })
  .map(({ keyring, access, ...state }) => ({
    ...state,
    ...(keyring === undefined ? {} : { keyring }),
    ...(access.length === 0 ? {} : { access }),
  }))

const operations: fc.Arbitrary<WriteOperation> = fc.record({
  bucket: names,
  key: bytes,
  sort: fc.option(bytes, none),
  value: fc.option(values, none),
  context: fc.option(contexts, none),
  w: fc.option(fc.integer({ min: 1, max: 255 }), none),
  timeoutMs: fc.nat(0xffff_ffff),
})

const forwards: fc.Arbitrary<Forward> = fc.record({
  type: fc.constant('forward'),
  request: numbers,
  layoutVersion: numbers,
  operation: operations,
})

const failures: fc.Arbitrary<Failure> = fc.record({
  ok: fc.constant(false),
  code: fc.constantFrom(
    'DND_ERR_QUORUM_UNAVAILABLE',
    'DND_ERR_TIMEOUT',
    'DND_ERR_LAYOUT_CHANGING',
    'DND_ERR_STORE_FAILED',
  ),
  outcome: fc.constantFrom('rejected', 'unknown'),
  needed: fc.nat(10),
  got: fc.nat(10),
  message: sentences,
})

const readReplies = fc.oneof(
  fc.record({
    type: fc.constant('read-reply' as const),
    request: numbers,
    outcome: fc.constant('found' as const),
    record: bytes,
    base: bytes,
  }),
  fc.record({
    type: fc.constant('read-reply' as const),
    request: numbers,
    outcome: fc.constant('absent' as const),
    record: fc.constant(new Uint8Array(0)),
    base: bytes,
  }),
  fc.record({
    type: fc.constant('read-reply' as const),
    request: numbers,
    outcome: fc.constantFrom('unreadable', 'stale-layout', 'not-replica'),
    record: fc.constant(new Uint8Array(0)),
    base: fc.constant(new Uint8Array(0)),
  }),
)

const entries: fc.Arbitrary<ListEntry[]> = fc.array(fc.record({ key: bytes, summary: bytes }), {
  maxLength: 5,
})

const explainReplies = fc.record({
  type: fc.constant('explain-reply' as const),
  request: numbers,
  report: fc.record({
    outcome: fc.constantFrom('found', 'absent', 'unreadable'),
    bytes: numbers,
    versions: fc.array(
      fc.record({
        dot: fc.record({
          vnode: fc.maxSafeNat().map((n) => n || 1),
          counter: fc.integer({ min: 1 }),
        }),
        stamp: stamps,
        value: fc.option(
          fc.record({
            bytes: numbers,
            contentType: sentences,
            expiresAtMs: numbers,
          }),
          none,
        ),
      }),
      { maxLength: 4 },
    ),
    more: numbers,
    vector: contexts.map(({ vector }) => vector),
    clock: fc.constantFrom('whole', 'doubtful', 'incomplete'),
    vnode: fc.option(
      fc.maxSafeNat().map((n) => n || 1),
      none,
    ),
    wait: fc.option(fc.constantFrom('moving', 'doubt', 'floor', 'horizon', 'base', 'turn'), none),
    compared: fc.array(fc.record({ peer: nodeIds, atMs: numbers, differences: numbers }), {
      maxLength: 4,
    }),
    hints: fc.array(
      fc.record({ target: nodeIds, count: numbers, bytes: numbers, oldestMs: numbers }),
      { maxLength: 4 },
    ),
  }),
})

export const messages: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({
    type: fc.constant('replicate' as const),
    request: numbers,
    layoutVersion: numbers,
    partition: partitions,
    key: bytes,
    record: bytes,
    base: bytes,
  }),
  fc.record({
    type: fc.constant('replicate-reply' as const),
    request: numbers,
    outcome: fc.constantFrom('stored', 'stale-layout', 'not-replica', 'malformed', 'store-failed'),
  }),
  fc.record({
    type: fc.constant('read' as const),
    request: numbers,
    readVersion: numbers,
    partition: partitions,
    key: bytes,
  }),
  readReplies,
  forwards,
  fc.record({
    type: fc.constant('forward-reply' as const),
    request: numbers,
    result: fc.oneof(
      failures,
      fc.record({
        ok: fc.constant(true as const),
        context: fc.option(contexts, none),
        acks: fc.nat(7),
      }),
    ),
  }),
  stateSyncs,
  fc.record({
    type: fc.constant('join-request' as const),
    role: fc.record({ node: nodeIds, zone: zones, weight: weights }),
  }),
  fc.record({
    type: fc.constant('replace-request' as const),
    role: fc.record({ node: nodeIds, zone: zones, weight: weights }),
    lost: nodeIds,
  }),
  fc.record({ type: fc.constant('leave-request' as const), node: nodeIds }),
  fc.record({ type: fc.constant('link-probe' as const) }),
  fc.record({ type: fc.constant('keys-request' as const), request: numbers }),
  keysReplies,
  fc.record({ type: fc.constant('link-probe-reply' as const), generation: fc.maxSafeNat() }),
  fc.record({
    type: fc.constant('list-request' as const),
    request: numbers,
    readVersion: numbers,
    bucket: names,
    partitions: fc
      .uniqueArray(partitions, { maxLength: 8 })
      .map((list) => list.toSorted((a, b) => a - b)),
    from: bytes,
    to: bytes,
    reverse: fc.boolean(),
    limit: fc.integer({ min: 1, max: LIST_LIMIT_MAX + 1 }),
  }),
  fc.record({
    type: fc.constant('list-reply' as const),
    request: numbers,
    outcome: fc.constantFrom('ok', 'stale-layout', 'not-replica', 'store-failed'),
    entries,
    more: fc.boolean(),
    bases: fc.array(bytes, { maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant('explain-request' as const),
    request: numbers,
    partition: partitions,
    key: bytes,
  }),
  explainReplies,
  fc.record({
    type: fc.constant('transfer-request' as const),
    request: numbers,
    layoutVersion: numbers,
    partition: partitions,
    after: bytes,
  }),
  fc.record(
    {
      type: fc.constant('transfer-chunk' as const),
      request: numbers,
      outcome: fc.constantFrom('ok', 'not-replica', 'stale-layout', 'store-failed'),
      entries: fc.array(fc.record({ key: bytes, record: bytes }), { maxLength: 5 }),
      base: bytes,
      clock: bytes,
      done: fc.boolean(),
      size: fc.record({ records: numbers, bytes: numbers }),
      root: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((some) => Uint8Array.from(some)),
    },
    {
      requiredKeys: ['type', 'request', 'outcome', 'entries', 'base', 'clock', 'done'],
    },
  ),
  exchangeMessages,
  registerMessages,
  watchMessages,
  hintMessages,
) as fc.Arbitrary<PeerMessage>

export const linkMessages: fc.Arbitrary<LinkMessage> = fc.oneof(
  fc
    .record({
      type: fc.constant('hello' as const),
      protocol: fc.nat(0xffff),
      cluster: clusterIds,
      node: nodeIds,
      generation: fc.maxSafeNat(),
      below: fc.nat(0xffff),
    })
    .map(({ below, ...hello }) => ({
      ...hello,
      protocolMin: hello.protocol < 5 ? hello.protocol : Math.max(0, hello.protocol - below),
    })),
  fc.record({
    type: fc.constant('refusal' as const),
    reason: fc.constantFrom(
      ...(['wrong-cluster', 'unsupported-protocol', 'self'] as const),
      ...(['malformed', 'encryption-required', 'bad-certificate'] as const),
    ),
    message: sentences,
  }),
)

const sender = {
  from: nodeIds,
  fromGeneration: fc.maxSafeNat(),
  health: fc.nat(LOCAL_HEALTH_MAX),
  gossip: fc.array(members, { maxLength: 6 }),
}
const digests = fc.nat(0xffff_ffff)

export const packets: fc.Arbitrary<SwimPacket> = fc.oneof(
  fc.record({
    type: fc.constant('ping' as const),
    ...sender,
    to: nodeIds,
    sequence: numbers,
    digest: digests,
  }),
  fc.record({
    type: fc.constant('ping-request' as const),
    ...sender,
    target: nodeIds,
    sequence: numbers,
    nackAfterMs: fc.nat(NACK_MS_MAX),
  }),
  fc.record({
    type: fc.constant('ack' as const),
    ...sender,
    about: nodeIds,
    aboutGeneration: fc.maxSafeNat(),
    sequence: numbers,
    digest: digests,
  }),
  fc.record({
    type: fc.constant('nack' as const),
    ...sender,
    about: nodeIds,
    sequence: numbers,
  }),
  fc.record({ type: fc.constant('gossip' as const), ...sender }),
)
