/** One message of each kind, for golden bytes and for the tests that break messages on purpose. */
import type { SwimPacket } from '../membership/messages.ts'
import type { MemberRecord } from '../membership/member.ts'
import type { KeyId, KeyringState } from '../node/cluster-key.ts'
import type { BucketRecord } from '../node/messages.ts'
import type { Layout } from '../placement/layout.ts'
import { hashLayout } from '../placement/layout-codec.ts'
import type { ClusterId, NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import { utf8Encode } from '../std/bytes.ts'
import type { Context, Value } from '../versions/version.ts'
import { EXCHANGE_SAMPLES } from './exchange-samples.test.ts'
import { HINT_SAMPLES } from './hint-samples.test.ts'
import { REGISTER_SAMPLES } from './register-samples.test.ts'
import { WATCH_SAMPLES } from './watch-samples.test.ts'
import type { LinkMessage, PeerMessage } from './messages.ts'

export const CLUSTER = '000102030405060708090a0b0c0d0e0f' as ClusterId
export const NODE_A = 'a0a1a2a3a4a5a6a7' as NodeId
export const NODE_B = 'b0b1b2b3b4b5b6b7' as NodeId

const PARTITION = 0x0102 as PartitionId
const KEY = Uint8Array.of(0x4b, 0x31)
const RECORD = Uint8Array.of(0x52, 0x52, 0x52)
const BASE = Uint8Array.of(0x42, 0x42)

export const VALUE: Value = {
  bytes: utf8Encode('hi'),
  contentType: 'text/plain',
  metadata: [['k', 'v']],
  expiresAtMs: 0,
}
export const CONTEXT: Context = {
  vector: [{ vnode: 7 as VnodeId, counter: 300 }],
  stamp: { ms: 0x0102, counter: 3 },
}

export const MEMBER: MemberRecord = {
  info: {
    id: NODE_A,
    name: 'node1',
    address: { host: '127.0.0.1', port: 5001 },
    httpAddress: { host: '127.0.0.1', port: 6001 },
    zone: 'z',
    weight: 100,
    version: '0.1.0',
    leaveLock: '0f'.repeat(16),
  },
  generation: 1_700_000_000,
  incarnation: 2,
  state: 'suspect',
  accuser: NODE_B,
}

/** Alive by its own word, and in trouble. */
const DEGRADED: MemberRecord = {
  info: MEMBER.info,
  generation: 1_700_000_000,
  incarnation: 3,
  state: 'alive',
  degraded: true,
}

const LEFT: MemberRecord = {
  info: MEMBER.info,
  generation: 1_700_000_000,
  incarnation: 3,
  state: 'left',
  leaveProof: '1f'.repeat(16),
}

const content = {
  version: 1,
  previousHash: 0,
  partitions: 2,
  replicas: 1,
  roles: [{ node: NODE_A, zone: 'z', weight: 100 }],
  table: [[0], [0]],
}
export const LAYOUT: Layout = { ...content, hash: hashLayout(content) }

export const BUCKET: BucketRecord = {
  name: 'carts',
  stamp: { ms: 9, counter: 1 },
  properties: {
    n: 3,
    r: 2,
    w: 1,
    conflicts: 'siblings',
    valueBytesMax: 4096,
    sloppy: false,
    ttlMs: 300,
  },
}

const KEY_ID = '0a0b0c0d' as KeyId
const KEY_ID_2 = 'c0c1c2c3' as KeyId
export const KEYRING: KeyringState = {
  entries: [
    { id: KEY_ID, stamp: { ms: 7, counter: 0 }, secret: undefined },
    { id: KEY_ID_2, stamp: { ms: 5, counter: 2 }, secret: new Uint8Array(32).fill(0x5e) },
  ],
  primary: { id: KEY_ID_2, stamp: { ms: 6, counter: 1 } },
}

export const REPLICATE: PeerMessage = {
  type: 'replicate',
  request: 300,
  layoutVersion: 4,
  partition: PARTITION,
  key: KEY,
  record: RECORD,
  base: BASE,
}

export const FORWARD_PUT: PeerMessage = {
  type: 'forward',
  request: 5,
  layoutVersion: 1,
  operation: {
    bucket: 'default',
    key: KEY,
    sort: Uint8Array.of(0x53),
    value: VALUE,
    context: CONTEXT,
    w: 2,
    timeoutMs: 5000,
  },
}

export const LIST_REQUEST: PeerMessage = {
  type: 'list-request',
  request: 1,
  readVersion: 2,
  bucket: 'default',
  partitions: [0, 1, 9, 4095] as PartitionId[],
  from: KEY,
  to: new Uint8Array(0),
  reverse: true,
  limit: 101,
}

/** By name, in the order of their type bytes. */
export const SAMPLES: Readonly<Record<string, PeerMessage>> = {
  replicate: REPLICATE,
  'replicate-reply': { type: 'replicate-reply', request: 300, outcome: 'stale-layout' },
  read: { type: 'read', request: 0, readVersion: 1, partition: PARTITION, key: KEY },
  'read-reply, found': {
    type: 'read-reply',
    request: 1,
    outcome: 'found',
    record: RECORD,
    base: BASE,
  },
  'read-reply, absent': {
    type: 'read-reply',
    request: 1,
    outcome: 'absent',
    record: new Uint8Array(0),
    base: BASE,
  },
  'forward, put': FORWARD_PUT,
  'forward, delete': {
    type: 'forward',
    request: 5,
    layoutVersion: 1,
    operation: {
      bucket: 'b',
      key: KEY,
      sort: undefined,
      value: undefined,
      context: undefined,
      w: undefined,
      timeoutMs: 0,
    },
  },
  'forward-reply, success': {
    type: 'forward-reply',
    request: 5,
    result: { ok: true, context: CONTEXT, acks: 2 },
  },
  'forward-reply, success without context': {
    type: 'forward-reply',
    request: 5,
    result: { ok: true, context: undefined, acks: 3 },
  },
  'forward-reply, success with many siblings': {
    type: 'forward-reply',
    request: 5,
    result: { ok: true, context: undefined, acks: 3, siblings: 25 },
  },
  'forward-reply, failure': {
    type: 'forward-reply',
    request: 5,
    result: {
      ok: false,
      code: 'DND_ERR_TIMEOUT',
      outcome: 'unknown',
      needed: 2,
      got: 1,
      message: 'späť',
    },
  },
  'state-sync, empty': {
    type: 'state-sync',
    answer: false,
    members: [],
    layout: undefined,
    buckets: [],
  },
  'state-sync': {
    type: 'state-sync',
    answer: true,
    members: [MEMBER],
    layout: { current: LAYOUT, previous: undefined, synced: [], acked: [], lost: [] },
    buckets: [BUCKET, { name: 'old', stamp: { ms: 1, counter: 0 }, properties: undefined }],
  },
  'state-sync, keys': {
    type: 'state-sync',
    answer: false,
    members: [],
    layout: undefined,
    buckets: [],
    keyring: KEYRING,
  },
  'state-sync, users': {
    type: 'state-sync',
    answer: false,
    members: [],
    layout: undefined,
    buckets: [],
    access: [
      {
        kind: 'user',
        name: 'anna',
        stamp: { ms: 9, counter: 1 },
        principal: {
          secret: Uint8Array.of(7, 8),
          grants: [
            { role: 'admin', bucket: '', prefix: new Uint8Array(0) },
            { role: 'read', bucket: 'carts', prefix: Uint8Array.of(0x61) },
          ],
        },
      },
      { kind: 'token', name: 'ci', stamp: { ms: 10, counter: 0 }, principal: undefined },
    ],
  },
  'join-request': { type: 'join-request', role: { node: NODE_A, zone: 'z', weight: 100 } },
  'replace-request': {
    type: 'replace-request',
    role: { node: NODE_A, zone: 'z', weight: 100 },
    lost: NODE_B,
  },
  'list-request': LIST_REQUEST,
  'list-reply': {
    type: 'list-reply',
    request: 1,
    outcome: 'ok',
    entries: [{ key: KEY, summary: RECORD }],
    more: true,
    bases: [BASE, new Uint8Array(0)],
  },
  'leave-request': { type: 'leave-request', node: NODE_A },
  'link-probe': { type: 'link-probe' },
  'link-probe-reply': { type: 'link-probe-reply', generation: 1_700_000_000 },
  'keys-request': { type: 'keys-request', request: 300 },
  'keys-reply': { type: 'keys-reply', request: 300, keys: [KEY_ID, KEY_ID_2], primary: KEY_ID_2 },
  'keys-reply, none': { type: 'keys-reply', request: 1, keys: [], primary: undefined },
  'transfer-request': {
    type: 'transfer-request',
    request: 1,
    layoutVersion: 2,
    partition: PARTITION,
    after: KEY,
  },
  'transfer-chunk': {
    type: 'transfer-chunk',
    request: 1,
    outcome: 'ok',
    entries: [{ key: KEY, record: RECORD }],
    base: BASE,
    clock: KEY,
    done: false,
  },
  'transfer-chunk, first and last': {
    type: 'transfer-chunk',
    request: 1,
    outcome: 'ok',
    entries: [],
    base: BASE,
    clock: KEY,
    done: true,
    size: { records: 300, bytes: 2 },
    root: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  },
  ...EXCHANGE_SAMPLES,
  ...HINT_SAMPLES,
  ...REGISTER_SAMPLES,
  ...WATCH_SAMPLES,
  'explain-request': { type: 'explain-request', request: 300, partition: PARTITION, key: KEY },
  'explain-reply': {
    type: 'explain-reply',
    request: 300,
    report: {
      outcome: 'found',
      bytes: 300,
      versions: [
        {
          dot: { vnode: 7 as VnodeId, counter: 300 },
          stamp: { ms: 9, counter: 1 },
          value: { bytes: 2, contentType: 'text/plain', expiresAtMs: 300 },
        },
        {
          dot: { vnode: 8 as VnodeId, counter: 1 },
          stamp: { ms: 9, counter: 2 },
          value: undefined,
        },
      ],
      more: 1,
      vector: CONTEXT.vector,
      clock: 'doubtful',
      vnode: 7 as VnodeId,
      wait: 'floor',
      compared: [{ peer: NODE_B, atMs: 300, differences: 2 }],
      hints: [{ target: NODE_A, count: 3, bytes: 300, oldestMs: 9 }],
    },
  },
  'explain-reply, nothing': {
    type: 'explain-reply',
    request: 1,
    report: {
      outcome: 'absent',
      bytes: 0,
      versions: [],
      more: 0,
      vector: [],
      clock: 'whole',
      vnode: undefined,
      wait: undefined,
      compared: [],
      hints: [],
    },
  },
}

export const LINK_SAMPLES: Readonly<Record<string, LinkMessage>> = {
  hello: {
    type: 'hello',
    protocol: 6,
    protocolMin: 5,
    cluster: CLUSTER,
    node: NODE_A,
    generation: 1_700_000_000,
  },
  refusal: { type: 'refusal', reason: 'wrong-cluster', message: 'no' },
}

const SENDER = { from: NODE_A, fromGeneration: 7, health: 3 }

export const PACKET_SAMPLES: Readonly<Record<string, SwimPacket>> = {
  ping: {
    type: 'ping',
    ...SENDER,
    to: NODE_B,
    sequence: 300,
    digest: 0xd1_6e57,
    gossip: [MEMBER],
  },
  'ping-request': {
    type: 'ping-request',
    ...SENDER,
    target: NODE_B,
    sequence: 1,
    nackAfterMs: 560,
    gossip: [],
  },
  ack: {
    type: 'ack',
    ...SENDER,
    about: NODE_B,
    aboutGeneration: 8,
    sequence: 1,
    digest: 0xffff_ffff,
    gossip: [],
  },
  nack: { type: 'nack', ...SENDER, about: NODE_B, sequence: 1, gossip: [] },
  gossip: { type: 'gossip', ...SENDER, gossip: [DEGRADED, LEFT] },
}
