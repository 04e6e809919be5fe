/**
 * The reference of metrics names every cause for which a transport drops what arrives, and no
 * other. The causes are closed unions of types: the records below do not compile unless they have
 * each member of their union and nothing else.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TcpFault } from '../src/adapters/tcp/link-options.ts'
import type { UdpFault } from '../src/adapters/udp/udp-datagrams.ts'

const UDP: Readonly<Record<UdpFault, true>> = {
  malformed: true,
  oversize: true,
  'unsupported-protocol': true,
  'wrong-cluster': true,
  'plain-refused': true,
  'sealed-refused': true,
  'unknown-key': true,
  'not-authentic': true,
  replayed: true,
  'sender-mismatch': true,
  'send-failed': true,
  'send-backlog': true,
  'socket-failed': true,
}

const TCP: Readonly<Record<TcpFault, true>> = {
  'refused-wrong-cluster': true,
  'refused-unsupported-protocol': true,
  'refused-encryption-required': true,
  'refused-bad-certificate': true,
  'refused-self': true,
  'refused-malformed': true,
  'refused-by-peer-wrong-cluster': true,
  'refused-by-peer-unsupported-protocol': true,
  'refused-by-peer-encryption-required': true,
  'refused-by-peer-bad-certificate': true,
  'refused-by-peer-self': true,
  'refused-by-peer-malformed': true,
  'wrong-peer': true,
  'not-encrypted': true,
  'unknown-key': true,
  'wrong-key': true,
  'bad-certificate': true,
  'no-common-encryption': true,
  'tls-failed': true,
  'handshake-timeout': true,
  'malformed-frame': true,
  'oversize-frame': true,
  'truncated-frame': true,
  'oversize-message': true,
  silent: true,
  'slow-reader': true,
  'too-many-connections': true,
  'accept-failed': true,
}

/** As the table of the reference has them, sorted. */
function documented(transport: string): string[] {
  const reference = readFileSync('docs/reference/metrics.md', 'utf8')
  const rows = reference.matchAll(new RegExp(`^\\| \`${transport}\` \\| (.*?) \\|`, 'gm'))
  return [...rows]
    .flatMap((row) => [...row[1]!.matchAll(/`([a-z-]+)`/g)].map((cause) => cause[1]!))
    .sort()
}

for (const [transport, causes] of Object.entries({ udp: UDP, tcp: TCP }))
  test(`the reference lists every cause of a fault over ${transport}, and no other`, () => {
    assert.deepEqual(documented(transport), Object.keys(causes).sort())
  })
