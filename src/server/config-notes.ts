/**
 * What `docs/reference/configuration.md` tells of each setting besides `config-fields.ts`: its
 * unit, how a value follows from others or others from it, and what one pays for changing it. A
 * field that is forgotten here does not compile.
 */
import type { ConfigField } from './config-fields.ts'

export interface ConfigNotes {
  /** Of numbers: what is counted. */
  readonly unit?: string
  /** How the default, or what the node makes of the value, follows from other numbers. */
  readonly formula?: string
  /** What one gives for what. */
  readonly tradeOff?: string
}

const MS = 'milliseconds'

export const CONFIG_NOTES: Readonly<Record<ConfigField, ConfigNotes>> = {
  seeds: { tradeOff: 'More of them: the join works though some are down' },
  replace: {},
  name: {},
  address: { tradeOff: 'Off loopback takes encryption: see below' },
  port: { unit: 'port number', tradeOff: 'With 0 nobody can name the node as a seed beforehand' },
  serverPort: { unit: 'port number', tradeOff: 'With 0 the log says which it became' },
  data: { tradeOff: 'A disk of its own keeps the syncs of others out of the latency of writes' },
  zone: { tradeOff: 'More zones survive more, and every write waits for the way between them' },
  weight: {
    unit: 'parts, relative to the other nodes',
    formula:
      'Its share of all replicas is its weight / sum of weights, and never more than one of each partition',
    tradeOff: 'More weight: more data and more requests here',
  },
  engine: { tradeOff: '`memory` is faster and keeps nothing: for tests' },
  key: { tradeOff: 'Costs the CPU of AES-GCM on every frame between nodes' },
  keyFile: {},
  encryption: {
    tradeOff:
      '`accept` and `prefer` let plain traffic in: for a change without a stop, not for good',
  },
  allowPlaintextClusterTraffic: { tradeOff: 'No keys to keep, no protection' },
  tlsCert: { tradeOff: 'One node can be shut out by its certificate; certificates expire' },
  tlsKey: {},
  requireAuth: {
    tradeOff: 'Every client needs a token or a password, and nobody gets in without an admin',
  },
  adminPasswordFile: {},
  tlsCa: {},
  httpCert: {
    tradeOff: 'A new connection costs a handshake, about 1 ms of CPU; certificates expire',
  },
  httpKey: {},
  allowOrigin: {
    tradeOff: 'Whoever writes the pages of that origin can do what their readers may',
  },
  allowHost: { tradeOff: 'Who rules over the name can lead the pages of its visitors here' },
  allowOpenHttp: { tradeOff: 'No certificates and no users, no protection' },
  httpCa: { tradeOff: 'An authority of your own: whoever it signs for may pass for a node' },
  partitions: {
    unit: 'partitions',
    formula:
      'Each node holds about partitions × replicas / nodes, and a hash tree of 35 KiB for each',
    tradeOff: 'More: finer shares and smaller moves, more memory, larger layouts',
  },
  replicas: {
    unit: 'replicas',
    formula:
      'n of a bucket is at most this, and 3 by default; r and w are by default n / 2 rounded down, and one',
    tradeOff: 'More: survives more nodes, costs disk and network for every write',
  },
  manualLayout: {
    tradeOff: 'Nothing moves unasked, and a new node does nothing until somebody acts',
  },
  protocolMax: {
    unit: 'version of the protocol',
    formula: 'All nodes speak the least of what those that are up can',
    tradeOff: 'Lower: a step back stays possible, and what is new waits',
  },
  logLevel: { tradeOff: '`debug` costs CPU and disk under load' },
  drainMs: {
    unit: MS,
    formula: 'More than two intervals of the health check of a load balancer',
    tradeOff: 'Higher: every stop and every restart takes longer',
  },
  requestTimeoutMs: {
    unit: MS,
    tradeOff: 'Longer rides out a stall, shorter fails honestly sooner',
  },
  hedgeAfterMs: { unit: MS, tradeOff: 'Lower cuts the tail of gets and costs reads' },
  requestsInFlightMax: {
    unit: 'requests',
    tradeOff:
      'Lower refuses bursts, higher lets them wait and costs memory: each may hold a value of 1 MiB',
  },
  probeIntervalMs: {
    unit: MS,
    formula:
      'Who does not answer is dead after 3 to 18 intervals more, times log10 of the members from ten on',
    tradeOff:
      'Lower finds failures sooner, costs packets and suspects more of those who are only slow',
  },
  probeTimeoutMs: {
    unit: MS,
    formula: 'Must be below probeIntervalMs; a third of it is a good choice',
    tradeOff: 'Lower asks helpers sooner, and for nothing when the round trip is longer',
  },
  stateSyncIntervalMs: {
    unit: MS,
    formula:
      'Times 1 up to 32 members, and one more for each doubling beyond; less while data moves',
    tradeOff: 'Lower spreads what gossip has missed sooner and costs a message of some KiB',
  },
  clockSkewMaxMs: {
    unit: MS,
    tradeOff:
      'Higher tolerates worse clocks, and lets a clock that runs ahead win concurrent last-write-wins writes for so long; deletes and expired values wait for so much longer before they are reaped',
  },
  antiEntropyIntervalMs: {
    unit: MS,
    tradeOff: 'Lower finds drift and lets deletes be reaped sooner, and costs messages',
  },
  scrubIntervalMs: {
    unit: MS,
    formula: 'A partition is begun every scrubIntervalMs / partitions held',
    tradeOff: 'Lower finds a failing disk sooner and reads all of it so much more often',
  },
  hintAfterMs: {
    unit: MS,
    tradeOff:
      'Lower lets a write of a sloppy bucket succeed sooner, and makes hints of every hiccup',
  },
  hintBytesMax: {
    unit: 'bytes',
    tradeOff:
      'Lower saves disk; who was away for long is then mended by anti-entropy, which is slower',
  },
  hintAgeMaxMs: {
    unit: MS,
    tradeOff:
      'Lower saves disk; who was away for longer is then mended by anti-entropy, which is slower',
  },
  backgroundLatencyMs: {
    unit: MS,
    formula:
      'The limit is the longer of this and the quiet 99th percentile × (1 + backgroundSlowdownPercent / 100)',
    tradeOff: 'Lower protects clients better, and repair takes longer',
  },
  backgroundSlowdownPercent: {
    unit: 'per cent',
    formula: 'See backgroundLatencyMs',
    tradeOff: 'Lower protects clients better, and repair takes longer',
  },
  backgroundUnitsMax: {
    unit: 'units a second',
    formula: 'At least 20 a second go whatever clients feel',
    tradeOff:
      'Higher repairs and moves faster where nobody else works, and takes more of disk and network',
  },
}
