import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DndError } from '../../core/errors.ts'
import type { MemberState } from '../../core/membership/member.ts'
import type { KeyId } from '../../core/node/cluster-key.ts'
import type { Note } from '../../core/node/events.ts'
import { noSwimCounts } from '../../core/membership/swim-counts.ts'
import type { MemberStanding, NodeView } from '../../core/node/view.ts'
import type { NodeId, PartitionId } from '../../core/std/ids.ts'
import { duration } from '../../core/std/instant.ts'
import { Metrics } from './metrics.ts'

const MEMBER = {
  id: 'a000000000000001' as NodeId,
  name: 'node1',
  address: { host: '127.0.0.1', port: 5001 },
  httpAddress: { host: '127.0.0.1', port: 6001 },
  zone: '',
  weight: 1,
  version: '1.0.0',
  leaveLock: '00'.repeat(16),
}

/** One of each kind. */
const NOTES: readonly Note[] = [
  { type: 'member', member: MEMBER, from: 'alive', to: 'suspect' },
  { type: 'refuted', incarnation: 1 },
  { type: 'cloned-identity', address: MEMBER.address, generation: 6 },
  { type: 'layout', version: 2, phase: 'moving' },
  { type: 'transferred', partition: 1, records: 10 },
  { type: 'ready' },
  { type: 'stalled', gap: duration(2000) },
  { type: 'degraded', isDegraded: true },
  { type: 'leaving', phase: 'moving' },
  { type: 'left' },
  { type: 'cluster-keys', keys: ['0badcafe' as KeyId], primary: '0badcafe' as KeyId },
  { type: 'read-repair', replicas: 2 },
  { type: 'unreadable', key: new Uint8Array(1) },
  { type: 'reaped', partition: 1, versions: 8 },
  { type: 'amnesia', partition: 1 },
  { type: 'store-failed', reason: 'full' },
  { type: 'clock-skew', peer: undefined, aheadMs: 1000 },
  { type: 'request-failed', code: 'DND_ERR_TIMEOUT' },
  { type: 'hedged' },
  { type: 'many-siblings', bucket: 'carts', siblings: 25 },
  { type: 'forwarded' },
  { type: 'peer-misbehaved', peer: MEMBER.id, what: 'nonsense' },
]

const UNKNOWN = {
  sinceMs: 0,
  suspectedBy: [],
  roundTripMs: undefined,
  localHealth: undefined,
  isFlapping: false,
}

function member(index: number, state: MemberState, degraded = false): NodeView['self'] {
  const info = { ...MEMBER, id: nodeId(index) }
  return { info, generation: 1, incarnation: 0, state, ...(degraded ? { degraded } : {}) }
}

function nodeId(index: number): NodeId {
  return `a00000000000000${index}` as NodeId
}

const VIEW: NodeView = {
  cluster: '' as NodeView['cluster'],
  self: member(1, 'alive'),
  members: [
    ...[member(1, 'alive'), member(2, 'alive', true), member(3, 'dead', true)],
    ...[member(4, 'alive'), member(5, 'alive')],
  ],
  standings: new Map<NodeId, MemberStanding>([
    [nodeId(1), UNKNOWN],
    [nodeId(2), { ...UNKNOWN, roundTripMs: 250 }],
    [nodeId(3), { ...UNKNOWN, roundTripMs: 9000 }],
    [nodeId(4), { ...UNKNOWN, roundTripMs: 0.5 }],
    [nodeId(5), { ...UNKNOWN, roundTripMs: 2 }],
  ]),
  swim: {
    counts: { ...noSwimCounts(), probes: 12, falseDeaths: 1, packetsSent: 30, packetsReceived: 29 },
    gossipQueue: 6,
    localHealth: 2,
  },
  protocol: 6,
  layout: {
    current: { version: 7 } as NonNullable<NodeView['layout']>['current'],
    previous: undefined,
    synced: [],
    acked: [],
    lost: [],
  },
  buckets: [],
  ready: true,
  clonedBy: undefined,
  inFlight: 5,
  partitions: { total: 10, withQuorum: 9, allUp: 6 },
  transfers: {
    ...{ pending: 4, records: 1, sent: 6, copies: 2, broken: 1 },
    proofs: { proven: 7, unknown: 3, differs: 2 },
    progress: {
      ...{ partitions: 9, done: 5, bytesPerSecond: 4096 },
      ...{ read: { records: 50, bytes: 5_000 }, expected: { records: 90, bytes: 9_000 } },
    },
    ...{ pulledPerSecond: 4096, sentPerSecond: undefined },
  },
  sizes: new Map([
    [0 as PartitionId, { records: 10, bytes: 1_000 }],
    [3 as PartitionId, { records: 11, bytes: 1_200 }],
  ]),
  reaping: { reaped: 8, waiting: 6 },
  hints: {
    targets: [{ target: nodeId(3), count: 7, bytes: 700, oldestMs: 1, first: 64, last: 640 }],
    ...{ bytes: 700, bytesMax: 9_000, isCounted: true, received: 21 },
    counts: { kept: 40, delivered: 30, refused: 2, dropped: 1 },
  },
  writes: { begun: 12, over: 10 },
  antiEntropy: {
    trees: { missing: 3, checked: 100, broken: 1, mended: 0, scrubbed: 2 },
    ...{ active: 1, pairs: 20, compared: 10, doubtful: 2, repairs: [] },
    counts: { completed: 30, failed: 4, found: 50, received: 20, sent: 31 },
  },
  background: {
    unitsPerSecond: 40,
    work: [{ work: 'hints', units: 12, waiting: 3 }],
    waits: [{ wait: 'put', p99Ms: 9, quietP99Ms: 6, limitMs: 8 }],
  },
  leaving: undefined,
  replacing: undefined,
  conflicts: new Map([
    ['carts', { reads: Float64Array.of(7, 2, 0, 0, 0, 1, 0, 0, 0), valuesRead: 31, writes: 4 }],
  ]),
}

const DISK = { dataBytes: 4096, freeBytes: 700, totalBytes: 1000 }

function metrics(): Metrics {
  return new Metrics({ version: '1.2.3', process: false })
}

/** Value of each line of a scrape by its name and labels. */
async function scrape(from: Metrics): Promise<Map<string, number>> {
  const lines = (await from.render()).split('\n').filter((line) => /^[a-z]/.test(line))
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), Number(line.slice(space + 1))]
    }),
  )
}

test('every metric is described as it is scraped, with the labels that its samples have', async () => {
  const counted = metrics()
  for (const note of NOTES) counted.note(note)
  counted.request('http', 'get', 200, 0.001)
  counted.fault('http', 'bad-key')
  counted.attach({ view: () => VIEW, disk: () => Promise.resolve(DISK) })
  const text = await counted.render()
  const scraped = [...text.matchAll(/^# HELP (dnd_\w+) (.*)\n# TYPE \1 (\w+)$/gm)].map((match) => {
    const [, name, help, type] = match
    const sample = new RegExp(`^${name!}(?:_bucket)?\\{([^}]*)\\}`, 'm').exec(text)?.[1] ?? ''
    const labels = [...sample.matchAll(/(\w+)="/g)].map((label) => label[1])
    return { name, help, type, labels: labels.filter((label) => label !== 'le') }
  })
  const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }): number =>
    (a.name ?? '') < (b.name ?? '') ? -1 : 1
  assert.deepEqual([...counted.describe()].sort(byName), scraped.sort(byName))
})

test('requests are counted by front, operation and status', async () => {
  const counted = metrics()
  for (let i = 0; i < 3; i++) counted.request('http', 'get', 200, 0.001)
  counted.request('http', 'get', 404, 0.001)
  counted.request('http', 'put', 200, 0.001)
  counted.request('http', 'put', 9999, 0.001)
  const values = await scrape(counted)
  assert.equal(values.get('dnd_requests_total{api="http",op="get",code="200"}'), 3)
  assert.equal(values.get('dnd_requests_total{api="http",op="get",code="404"}'), 1)
  assert.equal(values.get('dnd_requests_total{api="http",op="put",code="500"}'), 1)
  assert.equal(values.get('dnd_requests_total{api="http",op="put",code="404"}'), undefined)
})

test('a scrape tells the same twice', async () => {
  const counted = metrics()
  counted.request('http', 'get', 200, 0.5)
  for (const note of NOTES) counted.note(note)
  assert.deepEqual(await scrape(counted), await scrape(counted))
})

test('durations fall into cumulative buckets with sum and count', async () => {
  const counted = metrics()
  for (const seconds of [0.00005, 0.0001, 0.0002, 0.3, 60])
    counted.request('http', 'get', 200, seconds)
  const values = await scrape(counted)
  const bucket = (le: string): number | undefined =>
    values.get(`dnd_request_duration_seconds_bucket{api="http",op="get",le="${le}"}`)
  assert.deepEqual(
    ['0.0001', '0.00025', '0.25', '0.5', '10', '+Inf'].map(bucket),
    [2, 3, 3, 4, 4, 5],
  )
  const labels = '{api="http",op="get"}'
  assert.equal(values.get(`dnd_request_duration_seconds_count${labels}`), 5)
  assert(Math.abs(values.get(`dnd_request_duration_seconds_sum${labels}`)! - 60.30035) < 1e-9)
})

test('each kind of note is counted', async () => {
  const counted = metrics()
  const before = await scrape(counted)
  for (const note of NOTES) counted.note(note)
  const after = await scrape(counted)
  const changed = [...after].filter(([name, value]) => before.get(name) !== value)
  assert.deepEqual(Object.fromEntries(changed), {
    dnd_read_repair_total: 2,
    dnd_hedged_total: 1,
    dnd_forwarded_total: 1,
    dnd_layout_changes_total: 1,
    dnd_transferred_partitions_total: 1,
    dnd_transferred_records_total: 10,
    dnd_refutations_total: 1,
    dnd_cloned_identity_total: 1,
    dnd_key_changes_total: 1,
    dnd_unreadable_records_total: 1,
    dnd_reaped_versions_total: 8,
    dnd_amnesia_total: 1,
    dnd_store_failures_total: 1,
    dnd_clock_skew_total: 1,
    dnd_many_siblings_total: 1,
    'dnd_request_failures_total{code="DND_ERR_TIMEOUT"}': 1,
    'dnd_member_changes_total{state="suspect"}': 1,
    'dnd_faults_total{transport="peer",cause="misbehaved"}': 1,
  })
})

test('faults are counted by cause, and causes that are too many or no names are one', async () => {
  const counted = metrics()
  counted.fault('udp', 'foreign-cluster')
  counted.fault('udp', 'foreign-cluster')
  counted.fault('udp', 'evil" cause\n')
  counted.fault('udp', 'x'.repeat(100))
  for (let i = 0; i < 1000; i++) counted.fault('http', `cause-${i}`)
  const values = await scrape(counted)
  assert.equal(values.get('dnd_faults_total{transport="udp",cause="foreign-cluster"}'), 2)
  assert.equal(values.get('dnd_faults_total{transport="udp",cause="other"}'), 2)
  assert.equal(values.get('dnd_http_refused_total{cause="other"}'), 1000 - 64)
  const ofHttp = [...values.keys()].filter((name) => name.startsWith('dnd_http_refused_total'))
  assert.equal(ofHttp.length, 65)
})

test('labels do not grow with what is thrown at them', async () => {
  const counted = metrics()
  for (let i = 0; i < 500; i++) {
    counted.request(`api${i}`, 'get', 200, 1)
    counted.request('api0', `op${i}`, 200, 1)
    counted.fault(`transport${i}`, 'cause')
  }
  const values = await scrape(counted)
  assert.equal(values.get('dnd_requests_total{api="other",op="get",code="200"}'), 492)
  assert(values.size < 2000, `${values.size} lines`)
})

test('gauges are read from the node when somebody scrapes', async () => {
  const counted = metrics()
  assert.equal((await scrape(counted)).get('dnd_layout_version'), 0)
  counted.attach({ view: () => VIEW })
  counted.attach({ commits: () => 42 })
  counted.connection('http', 1)
  counted.connection('http', 1)
  counted.connection('http', -1)
  const values = await scrape(counted)
  const read = (name: string): number | undefined => values.get(name)
  assert.equal(read('dnd_membership_nodes{state="alive"}'), 4)
  assert.equal(read('dnd_membership_nodes{state="dead"}'), 1)
  assert.equal(read('dnd_membership_nodes{state="suspect"}'), 0)
  assert.equal(read('dnd_partitions{state="whole"}'), 6)
  assert.equal(read('dnd_partitions{state="degraded"}'), 3)
  assert.equal(read('dnd_partitions{state="unavailable"}'), 1)
  assert.deepEqual(
    [
      'layout_version',
      'requests_in_flight',
      'transfers_pending',
      'reap_waiting_records',
      'ready',
      'store_commits_total',
      'http_connections',
    ].map((name) => read(`dnd_${name}`)),
    [7, 5, 4, 6, 1, 42, 1],
  )
  assert.equal(read('dnd_build_info{version="1.2.3"}'), 1)
})

test('what is held, and how far a pull is, are read from the node', async () => {
  const counted = metrics()
  assert.equal((await scrape(counted)).get('dnd_transfer_bytes{of="read"}'), 0)
  counted.attach({ view: () => VIEW })
  const values = await scrape(counted)
  const names = ['stored_records', 'stored_bytes', 'counted_partitions']
  assert.deepEqual(
    names.map((name) => values.get(`dnd_${name}`)),
    [21, 2_200, 2],
  )
  const progress = ['records{of="read"}', 'records{of="expected"}', 'bytes{of="read"}']
  assert.deepEqual(
    [...progress, 'bytes{of="expected"}'].map((name) => values.get(`dnd_transfer_${name}`)),
    [50, 90, 5_000, 9_000],
  )
  assert.equal(values.get('dnd_transfer_bytes_per_second'), 4096)
  assert.equal(values.get('dnd_transfer_streams_total{proof="proven"}'), 7)
})

test('how much background work goes, and what requests wait for, are read from the node', async () => {
  const counted = metrics()
  counted.attach({ view: () => VIEW })
  const values = await scrape(counted)
  assert.equal(values.get('dnd_background_units_total{work="hints"}'), 12)
  assert.equal(values.get('dnd_background_waiting{work="hints"}'), 3)
  assert.equal(values.get('dnd_background_units_per_second'), 40)
  const waits = ['minute', 'quiet', 'limit'].map((of) =>
    values.get(`dnd_foreground_wait_seconds{wait="put",of="${of}"}`),
  )
  assert.deepEqual(waits, [0.009, 0.006, 0.008])
})

test('what the failure detector has done is read from the node', async () => {
  const counted = metrics()
  const names = Object.keys(noSwimCounts()).length
  const counters = (values: Map<string, number>): [string, number][] =>
    [...values].filter(([name]) => /^dnd_(membership_.*_total|refutations_total)/.test(name))
  assert.equal(counters(await scrape(counted)).length, names, 'one for each count')
  counted.attach({ view: () => VIEW })
  const values = await scrape(counted)
  assert.deepEqual(Object.fromEntries(counters(values).filter(([, value]) => value > 0)), {
    dnd_membership_probes_total: 12,
    dnd_membership_false_deaths_total: 1,
    'dnd_membership_packets_total{direction="sent"}': 30,
    'dnd_membership_packets_total{direction="received"}': 29,
  })
  assert.equal(values.get('dnd_gossip_queue'), 6)
  assert.equal(values.get('dnd_local_health'), 2)
  assert.equal(values.get('dnd_membership_degraded'), 1, 'the dead are not asked anyway')
})

test('round trips are those of members that are up; before any is known there is no line', async () => {
  const counted = metrics()
  const read = async (): Promise<(number | undefined)[]> => {
    const values = await scrape(counted)
    return ['0.5', '1'].map((q) => values.get(`dnd_membership_round_trip_seconds{quantile="${q}"}`))
  }
  assert.deepEqual(await read(), [undefined, undefined])
  counted.attach({ view: () => VIEW })
  assert.deepEqual(await read(), [0.002, 0.25])
})

test('a node whose identity another process has shows that as long as it is so', async () => {
  const counted = metrics()
  counted.attach({ view: () => VIEW })
  assert.equal((await scrape(counted)).get('dnd_membership_cloned'), 0)
  counted.attach({ view: () => ({ ...VIEW, clonedBy: MEMBER.address }) })
  assert.equal((await scrape(counted)).get('dnd_membership_cloned'), 1)
})

test('a scrape before the node has started shows a node that is not ready', async () => {
  const counted = metrics()
  counted.attach({
    view: () => {
      throw new DndError('DND_ERR_NOT_READY', 'starting')
    },
  })
  assert.equal((await scrape(counted)).get('dnd_ready'), 0)
  counted.attach({
    view: () => {
      throw new Error('a bug')
    },
  })
  await assert.rejects(counted.render(), /a bug/)
})

test('the process tells of itself when asked to', async () => {
  const counted = new Metrics({ version: '1.2.3', process: true })
  const text = await counted.render()
  for (const name of ['process_cpu_seconds_total', 'nodejs_eventloop_lag_p99_seconds'])
    assert.match(text, new RegExp(`^${name} `, 'm'))
  assert.doesNotMatch(await metrics().render(), /process_cpu/)
  assert.match(counted.contentType, /^text\/plain; version=0\.0\.4/)
})

test('the disk is looked at when somebody scrapes, and told of only where there is one', async () => {
  const counted = metrics()
  assert.equal((await scrape(counted)).get('dnd_disk_bytes{of="data"}'), undefined)
  let disk: typeof DISK | undefined = DISK
  counted.attach({ disk: () => Promise.resolve(disk) })
  const seen = await scrape(counted)
  const values = ['data', 'free', 'total'].map((of) => seen.get(`dnd_disk_bytes{of="${of}"}`))
  assert.deepEqual(values, [4096, 700, 1000])
  disk = undefined
  assert.equal((await scrape(counted)).get('dnd_disk_bytes{of="free"}'), undefined)
})
