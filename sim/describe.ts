/**
 * Events and messages as the lines of a story. What decides the run (kinds, numbers, checksums of
 * the bytes) is in the text, which enters the hash of the trace; what only helps a reader (the
 * versions inside a record) is worked out when somebody reads.
 */
import { utf8Decode } from '../src/core/std/bytes.ts'
import { crc32 } from '../src/core/std/crc32.ts'
import type { NodeId } from '../src/core/std/ids.ts'
import { formatAddress } from '../src/core/std/ids.ts'
import type { ClientReply, ClientRequest, NodeEvent, Note } from '../src/core/node/events.ts'
import { parseListingKey, parseRecordKey } from '../src/core/node/storage-keys.ts'
import type { SwimPacket } from '../src/core/membership/messages.ts'
import type { StoreOperation } from '../src/core/ports.ts'
import { decodeRecord } from '../src/core/versions/record.ts'
import type { Container, Dot, Version } from '../src/core/versions/version.ts'
import type { PeerMessage } from '../src/core/wire/messages.ts'
import type { About } from './trace.ts'

/** How a node is called in the story. */
export type NameOf = (id: NodeId) => string

/** `bucket/key` of a record's storage key. */
export function keyName(storageKey: Uint8Array): string | undefined {
  const record = parseRecordKey(storageKey)
  const name = record && parseListingKey(record.listing)
  if (record === undefined || name === undefined) return undefined
  const sort = name.sort === undefined ? '' : `#${utf8Decode(name.sort) ?? '?'}`
  return `${record.bucket}/${utf8Decode(name.key) ?? '?'}${sort}`
}

export function describeMessage(message: PeerMessage, frame: Uint8Array): About {
  const about = messageAbout(message)
  return { ...about, text: `${message.type}${about.text} ${bytesText(frame)}` }
}

function messageAbout(message: PeerMessage): About {
  switch (message.type) {
    case 'replicate':
      return {
        ...recordAbout(message.key, message.record),
        text: ` #${message.request} p${message.partition} v${message.layoutVersion}`,
      }
    case 'read':
      return {
        text: ` #${message.request} p${message.partition} v${message.readVersion}`,
        key: keyName(message.key),
      }
    case 'read-reply':
      return {
        text: ` #${message.request} ${message.outcome}`,
        detail: () => recordText(message.record),
      }
    case 'replicate-reply':
      return { text: ` #${message.request} ${message.outcome}` }
    case 'forward': {
      const { bucket, key } = message.operation
      return { text: ` #${message.request}`, key: `${bucket}/${utf8Decode(key) ?? '?'}` }
    }
    case 'forward-reply':
      return { text: ` #${message.request} ${message.result.ok ? 'ok' : message.result.code}` }
    case 'state-sync':
      return {
        text: ` ${message.members.length} members, layout ${layoutText(message.layout)}`,
      }
    case 'transfer-request':
      return { text: ` #${message.request} p${message.partition} v${message.layoutVersion}` }
    case 'transfer-chunk':
    case 'list-reply':
      return { text: ` #${message.request} ${message.outcome} ${message.entries.length} entries` }
    case 'list-request':
      return { text: ` #${message.request} ${message.bucket}` }
    case 'leave-request':
      return { text: ` of ${message.node}` }
    case 'keys-request':
      return { text: ` #${message.request}` }
    case 'keys-reply':
      return {
        text: ` #${message.request} ${message.keys.join(' ')}, seals with ${message.primary}`,
      }
    case 'join-request':
    case 'replace-request':
    case 'link-probe':
    case 'link-probe-reply':
      return { text: '' }
    default: {
      const partition = 'partition' in message ? ` p${message.partition}` : ''
      return { text: 'request' in message ? ` #${message.request}${partition}` : partition }
    }
  }
}

function layoutText(
  layout: { current: { version: number }; previous: unknown } | undefined,
): string {
  if (layout === undefined) return 'none'
  return `v${layout.current.version}${layout.previous === undefined ? '' : ' moving'}`
}

export function describePacket(packet: SwimPacket, datagram: Uint8Array): string {
  const sequence = packet.type === 'gossip' ? '' : ` #${packet.sequence}`
  return `${packet.type}${sequence} ${packet.gossip.length} records ${bytesText(datagram)}`
}

export function describeStore(batch: number, operations: readonly StoreOperation[]): About {
  let sum = operations.length
  for (const operation of operations) {
    if (operation.type === 'put') sum = (Math.imul(sum, 31) + crc32(operation.value)) >>> 0
    if (operation.type !== 'clear') sum = (Math.imul(sum, 31) + crc32(operation.key)) >>> 0
  }
  const text = `batch ${batch}: ${operations.length} operations ${hex(sum)}`
  const first = operations[0]
  if (first?.type !== 'put') return { text }
  return { ...recordAbout(first.key, first.value), text }
}

export function describeRequest(request: ClientRequest): About {
  if (request.type === 'leave') return { text: 'leave' }
  if (request.type === 'cluster-keys') return { text: `keys: ${request.ask.what}` }
  if (request.type === 'access') return { text: `users: ${request.ask.what} ${request.ask.name}` }
  if (request.type === 'configure-bucket')
    return { text: `configure ${request.bucket} ${request.properties?.conflicts ?? 'defaults'}` }
  if (request.type === 'list') return { text: `list ${request.bucket}` }
  if (!('key' in request)) return { text: request.type }
  const key = `${request.bucket}/${utf8Decode(request.key) ?? '?'}`
  if (request.type === 'get') return { text: `get ${key} r=${request.r ?? '-'}`, key }
  const context = 'context' in request ? request.context : undefined
  const w = 'w' in request ? request.w : undefined
  const value = request.type === 'put' ? ` ${valueText(request.value.bytes)}` : ''
  const text = `${request.type} ${key}${value} w=${w ?? '-'}`
  return {
    text: context === undefined ? text : `${text} with context`,
    key,
    detail: () => (context === undefined ? '' : vectorText(context.vector)),
  }
}

export function describeReply(reply: ClientReply): About {
  const { result } = reply
  if (!result.ok)
    return {
      text: `${result.code} ${result.outcome} ${result.got}/${result.needed}`,
      detail: () => result.message,
    }
  switch (reply.type) {
    case 'write':
      return {
        text: `ok, ${'acks' in result ? result.acks : 0} acks`,
        detail: () =>
          'context' in result && result.context !== undefined
            ? vectorText(result.context.vector)
            : 'no context',
      }
    case 'get':
      return {
        text: 'live' in result ? `ok, ${result.live.length} live` : 'ok',
        detail: () => ('container' in result ? containerText(result.container) : ''),
      }
    default:
      return { text: `ok ${reply.type}` }
  }
}

/** Events that have no description of their own: those of the node's local world. */
export function describeLocal(event: NodeEvent, nameOf: NameOf): string {
  switch (event.type) {
    case 'drain':
      return ''
    case 'start':
      return `seeds ${event.seeds.map((seed) => formatAddress(seed)).join(' ') || 'none'}`
    case 'link-up':
      return `to ${nameOf(event.peer)}`
    case 'link-down':
      return `to ${nameOf(event.peer)}: ${event.reason}`
    case 'dialed':
      return `${formatAddress(event.address)} is ${nameOf(event.peer)}`
    case 'dial-failed':
      return `${formatAddress(event.address)}: ${event.reason}`
    case 'stored':
      return `batch ${event.batch}`
    case 'store-failed':
      return `batch ${event.batch}: ${event.reason}`
    case 'scanned':
      return `scan ${event.scan}: ${event.ranges.map((entries) => entries.length).join('+')} entries`
    case 'scan-failed':
      return `scan ${event.scan}: ${event.reason}`
    case 'keyring-stored':
      return `keyring ${event.revision}`
    case 'keyring-failed':
      return `keyring ${event.revision}: ${event.reason}`
    case 'tick':
    case 'request':
    case 'message':
    case 'packet':
      return ''
  }
}

export function describeNote(note: Note, nameOf: NameOf): About {
  switch (note.type) {
    case 'member':
      return { text: `${nameOf(note.member.id)}: ${note.from} → ${note.to}` }
    case 'unreadable':
      return { text: note.type, key: keyName(note.key) }
    case 'layout':
      return { text: `layout v${note.version} ${note.phase}` }
    case 'transferred':
      return { text: `transferred p${note.partition}: ${note.records} records` }
    case 'peer-misbehaved':
      return { text: `${note.type}: ${nameOf(note.peer)} ${note.what}` }
    default:
      return { text: JSON.stringify(note) }
  }
}

export function containerText(container: Container): string {
  const versions = container.versions.map((version) => versionText(version)).join(' ')
  return `[${versions} | ${vectorText(container.vector)}]`
}

function versionText(version: Version): string {
  const { dot, stamp, value } = version
  const what = value === undefined ? 'deleted' : valueText(value.bytes)
  return `${what}@${dotText(dot)}(${stamp.ms % 1_000_000}.${stamp.counter})`
}

/** The name of a value: everything before its first blank (see `clients.ts`). */
export function valueText(bytes: Uint8Array): string {
  const blank = bytes.indexOf(0x20)
  return utf8Decode(blank < 0 ? bytes : bytes.subarray(0, blank)) ?? '?'
}

function vectorText(vector: readonly Dot[]): string {
  return `{${vector.map((dot) => dotText(dot)).join(' ')}}`
}

function dotText(dot: Dot): string {
  return `${(dot.vnode % 0x1000).toString(16).padStart(3, '0')}.${dot.counter}`
}

function recordAbout(key: Uint8Array, record: Uint8Array): Omit<About, 'text'> {
  return { key: keyName(key), detail: () => `${keyName(key) ?? ''} ${recordText(record)}` }
}

function recordText(record: Uint8Array): string {
  if (record.length === 0) return ''
  const container = decodeRecord(record, crc32)
  return typeof container === 'string' ? container : containerText(container)
}

function bytesText(bytes: Uint8Array): string {
  return `${bytes.length} B ${hex(crc32(bytes))}`
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0')
}
