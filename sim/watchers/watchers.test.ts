import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ByteWriter } from '../../src/core/std/bytes.ts'
import type { ClusterId, NodeId } from '../../src/core/std/ids.ts'
import type { MemberRecord, MemberState } from '../../src/core/membership/member.ts'
import { DEFAULT_NODE_CONFIG } from '../../src/core/node/config.ts'
import { Node } from '../../src/core/node/node.ts'
import { noSwimCounts } from '../../src/core/membership/swim-counts.ts'
import type { NodeView } from '../../src/core/node/view.ts'
import type { Layout, LayoutState, Role } from '../../src/core/placement/layout.ts'
import { encodeLayoutState, hashLayout } from '../../src/core/placement/layout-codec.ts'
import { planLayout } from '../../src/core/placement/plan-layout.ts'
import { crashRestartFive } from '../scenarios/crash-restart.ts'
import { IDLE } from '../fake-node.ts'
import { runScenario } from '../scenarios/run.ts'
import { agreementBoundMs, deathBoundMs, detectionBoundMs, reunionBoundMs } from './bounds.ts'
import { LayoutWatcher } from './layout.ts'
import { MembershipWatcher } from './membership.ts'
import { QueueWatcher } from './queues.ts'
import type { Moment, Observed, Watcher } from './watcher.ts'

const P = DEFAULT_NODE_CONFIG.probeIntervalMs

function idOf(index: number): NodeId {
  return String(index + 1).padStart(16, '0') as NodeId
}

interface MemberFields {
  readonly state?: MemberState
  readonly generation?: number
  readonly incarnation?: number
}

function member(index: number, fields: MemberFields = {}): MemberRecord {
  const address = { host: `10.0.0.${index + 1}`, port: 1 }
  const names = { id: idOf(index), name: `n${index + 1}`, address, httpAddress: address }
  const { state = 'alive', generation = 1, incarnation = 0 } = fields
  return {
    info: { ...names, zone: 'z', weight: 1, version: '1.0.0', leaveLock: '00'.repeat(16) },
    generation,
    incarnation,
    state,
  }
}

function view(members: readonly MemberRecord[], fields: Partial<NodeView> = {}): NodeView {
  return {
    cluster: '' as ClusterId,
    self: members[0]!,
    members,
    standings: new Map(),
    swim: { counts: noSwimCounts(), gossipQueue: 0, localHealth: 0 },
    protocol: 6,
    layout: undefined,
    buckets: [],
    ready: true,
    clonedBy: undefined,
    inFlight: 0,
    partitions: { total: 0, withQuorum: 0, allUp: 0 },
    ...IDLE,
    leaving: undefined,
    replacing: undefined,
    conflicts: new Map(),
    ...fields,
  }
}

function node(index: number, fields: Partial<Observed> = {}): Observed {
  return {
    index,
    name: `n${index + 1}`,
    id: idOf(index),
    formerIds: [],
    run: 1,
    damages: 0,
    isPaused: false,
    view: view([member(index)]),
    durableLayout: undefined,
    ...fields,
  }
}

function moment(nowMs: number, nodes: readonly Observed[], calmSinceMs = nowMs): Moment {
  return { nowMs, nodes, calmSinceMs }
}

/**
 * What a watcher says of some moments, one after the other, at the first that it does not accept.
 */
function verdict(watcher: Watcher, moments: readonly Moment[]): string | undefined {
  for (const each of moments) {
    const broken = watcher.look(each)
    if (broken === undefined) continue
    assert.equal(broken.checker, watcher.name)
    return broken.message
  }
  return undefined
}

describe('the bounds', () => {
  test('are those of SWIM with its defaults for five nodes', () => {
    assert.equal(detectionBoundMs(5, 1_000), 15_000)
    assert.equal(deathBoundMs(5, 1_000), 33_000)
    assert.equal(reunionBoundMs(5, 0, 1_000), 63_000)
    assert.equal(agreementBoundMs(5, 0, DEFAULT_NODE_CONFIG), 113_000)
  })

  test('grow with the cluster, with the interval, and with those who are gone', () => {
    assert.ok(detectionBoundMs(9, 1_000) > detectionBoundMs(5, 1_000))
    assert.ok(deathBoundMs(100, 1_000) > detectionBoundMs(100, 1_000) + 3_000)
    assert.ok(detectionBoundMs(5, 2_000) > detectionBoundMs(5, 1_000))
    assert.ok(reunionBoundMs(5, 1, 1_000) > reunionBoundMs(5, 0, 1_000))
  })
})

describe('membership', () => {
  const watch = (...moments: readonly Moment[]): string | undefined =>
    verdict(new MembershipWatcher(DEFAULT_NODE_CONFIG), moments)
  /** n1's view of n2, in which n1 itself is alive. */
  const sees = (fields: MemberFields, more: Partial<NodeView> = {}): Partial<Observed> => ({
    view: view([member(0), member(1, fields)], more),
  })
  const down: Partial<Observed> = { view: undefined }
  const detectionMs = detectionBoundMs(2, P)
  const deathMs = deathBoundMs(2, P)

  test('accepts a crash that is noticed in time', () => {
    const crashed = watch(
      moment(0, [node(0, sees({})), node(1)]),
      moment(100, [node(0, sees({})), node(1, down)]),
      moment(detectionMs, [node(0, sees({})), node(1, down)]),
      moment(detectionMs + 1, [node(0, sees({ state: 'suspect' })), node(1, down)]),
      moment(deathMs, [node(0, sees({ state: 'suspect' })), node(1, down)]),
      moment(deathMs + 1, [node(0, sees({ state: 'dead' })), node(1, down)]),
      moment(10 * deathMs, [node(0, sees({ state: 'dead' })), node(1, down)]),
    )
    assert.equal(crashed, undefined)
  })

  test('notices that who is gone is seen alive for too long', () => {
    const blind = watch(
      moment(100, [node(0, sees({})), node(1, down)]),
      moment(101 + detectionMs, [node(0, sees({})), node(1, down)]),
    )
    assert.match(blind ?? '', /n1 sees n2 alive 9001 ms after it was gone/)
  })

  test('notices that a suspicion does not end', () => {
    const suspect = node(0, sees({ state: 'suspect' }))
    const endless = watch(
      moment(100, [suspect, node(1, down)]),
      moment(101 + deathMs, [suspect, node(1, down)]),
    )
    assert.match(endless ?? '', /n1 does not see n2 dead 27001 ms after/)
  })

  test('counts the id of a lost disk among the gone, though its node runs', () => {
    const wiped = node(1, { id: idOf(7), formerIds: [idOf(1)], name: 'n2′' })
    const seen = watch(
      moment(100, [node(0, sees({})), wiped]),
      moment(101 + detectionMs, [node(0, sees({})), wiped]),
    )
    assert.match(seen ?? '', /n1 sees n2′, whose disk was lost, alive/)
  })

  test('counts anew when the observer restarts or has stood still, or the other was back', () => {
    const late = moment(101 + detectionMs, [node(0, sees({})), node(1, down)])
    const gone = moment(100, [node(0, sees({})), node(1, down)])
    const restarted = moment(101 + detectionMs, [node(0, { ...sees({}), run: 2 }), node(1, down)])
    assert.equal(watch(gone, restarted), undefined)
    const paused = moment(5_000, [node(0, { ...sees({}), isPaused: true }), node(1, down)])
    assert.equal(watch(gone, paused, late), undefined)
    const back = moment(5_000, [node(0, sees({})), node(1)])
    assert.equal(watch(gone, back, late), undefined)
  })

  test('notices that who runs is called dead when nothing is wrong any more', () => {
    const boundMs = reunionBoundMs(2, 0, P)
    const called = (nowMs: number, calmSinceMs: number): Moment =>
      moment(nowMs, [node(0, sees({ state: 'dead' })), node(1)], calmSinceMs)
    assert.equal(watch(called(0, 0), called(boundMs, 0)), undefined)
    assert.match(watch(called(0, 0), called(boundMs + 1, 0)) ?? '', /sees n2 as dead for 57001 ms/)
    assert.equal(watch(called(0, 0), called(boundMs + 1, 5_000)), undefined)
    const self = view([member(1, { incarnation: 1 })])
    const alive = moment(1_000, [node(0, sees({ incarnation: 1 })), node(1, { view: self })], 0)
    const again = node(0, sees({ incarnation: 1, state: 'dead' }))
    const later = moment(boundMs + 1, [again, node(1, { view: self })], 0)
    assert.equal(watch(called(0, 0), alive, later), undefined)
  })

  test('accepts records that rise, and notices one that goes back', () => {
    const at = (fields: MemberFields, run = 1): Moment => {
      const self = member(1, { generation: 9, incarnation: 9 })
      const observer = node(0, { ...sees(fields), run })
      return moment(0, [observer, node(1, { view: view([self]) })])
    }
    const rising = [
      at({ incarnation: 1 }),
      at({ incarnation: 1, state: 'suspect' }),
      at({ incarnation: 2 }),
      at({ generation: 2 }),
    ]
    assert.equal(watch(...rising), undefined)
    const revived = watch(at({ incarnation: 1, state: 'dead' }), at({ incarnation: 1 }))
    assert.match(revived ?? '', /n1 went back from n2 dead at 1\.1 to n2 alive at 1\.1/)
    assert.match(watch(at({ incarnation: 2 }), at({ incarnation: 1 })) ?? '', /went back/)
    assert.match(watch(at({ generation: 2 }), at({ incarnation: 5 })) ?? '', /went back/)
    assert.equal(watch(at({ incarnation: 2 }), at({ incarnation: 1 }, 2)), undefined)
  })

  test('notices that more is known of a member than it has said', () => {
    const ahead = (fields: MemberFields, more: Partial<Observed> = {}): Moment =>
      moment(0, [node(0, sees(fields)), node(1, more)])
    assert.match(watch(ahead({ incarnation: 1 })) ?? '', /n1 knows n2 alive at 1\.1, who itself/)
    assert.match(watch(ahead({ generation: 2 })) ?? '', /knows n2 alive at 2\.0/)
    assert.equal(watch(ahead({ generation: 2 }, { damages: 1 })), undefined)
    assert.equal(watch(ahead({ state: 'dead' })), undefined)
  })

  test('notices that a member is forgotten whom the layout names', () => {
    const layout = {
      current: layoutOf([0, 1]),
      previous: undefined,
      synced: [],
      acked: [],
      lost: [],
    }
    const known = moment(0, [node(0, sees({}, { layout }))])
    const forgotten = moment(1, [node(0, { view: view([member(0)], { layout }) })])
    assert.match(watch(known, forgotten) ?? '', /n1 has forgotten n2, whom its layout names/)
    const stranger = moment(0, [node(0, sees({}))])
    assert.equal(watch(stranger, moment(1, [node(0)])), undefined)
  })
})

const ROLES: readonly Role[] = [0, 1, 2, 3].map((index) => ({
  node: idOf(index),
  zone: 'z',
  weight: 1,
}))

function layoutOf(indices: readonly number[], previous?: Layout): Layout {
  const roles = indices.map((index) => ROLES[index]!)
  return planLayout({ previous, roles, partitions: 8, replicas: 2 })
}

describe('layout', () => {
  const watch = (...moments: readonly Moment[]): string | undefined =>
    verdict(new LayoutWatcher(DEFAULT_NODE_CONFIG), moments)
  const first = layoutOf([0, 1])
  const second = layoutOf([0, 1, 2], first)
  /** Another second layout, as a planner might make that saw another node join. */
  const rival = layoutOf([0, 1, 3], first)
  const settled = (current: Layout): LayoutState => ({
    current,
    previous: undefined,
    synced: [],
    acked: [],
    lost: [],
  })
  const moving: LayoutState = { current: second, previous: first, synced: [], acked: [], lost: [] }
  const holds = (layout: LayoutState | undefined): Partial<Observed> => ({
    view: view([member(0)], { layout }),
  })
  const at = (layout: LayoutState | undefined, more: Partial<Observed> = {}): Moment =>
    moment(0, [node(0, { ...holds(layout), ...more })])
  const encoded = (state: LayoutState): Uint8Array => {
    const writer = new ByteWriter(1_024)
    encodeLayoutState(writer, state)
    return writer.take()
  }

  test('accepts a change from its plan to its end', () => {
    const steps = [undefined, settled(first), moving, settled(second), settled(second)]
    assert.equal(watch(...steps.map((state) => at(state))), undefined)
  })

  test('notices one that is not what its hash says, or that no node would accept', () => {
    const forged = { ...first, table: first.table.map(() => [0, 1]) }
    const hash = first.hash
    assert.match(watch(at(settled({ ...forged, hash: hash + 1 }))) ?? '', /unsound .* hash is/)
    const doubled = { ...first, table: first.table.map(() => [1, 1]) }
    const twice = { ...doubled, hash: hashLayout(doubled) }
    assert.match(watch(at(settled(twice))) ?? '', /two replicas on node/)
  })

  test('notices one in which a node has more than its share', () => {
    const crowded = { ...second, table: second.table.map(() => [0, 1]) }
    const layout = { ...crowded, hash: hashLayout(crowded) }
    assert.match(watch(at(settled(layout))) ?? '', /n1 holds layout 2, in which .* has 8 replicas/)
  })

  test('notices a transition from a layout that it was not planned from', () => {
    const foreign = { current: second, previous: layoutOf([0, 3]), synced: [], acked: [], lost: [] }
    assert.match(watch(at(foreign)) ?? '', /planned from another layout 1/)
  })

  test('notices one that goes back while the node runs', () => {
    assert.match(watch(at(settled(second)), at(settled(first))) ?? '', /went back from v2 .* to v1/)
    assert.match(watch(at(settled(first)), at(undefined)) ?? '', /has forgotten layout 1/)
  })

  test('lets a restart fall back to what was durable and no further', () => {
    const durable = (state: LayoutState): Partial<Observed> => ({ durableLayout: encoded(state) })
    const before = at(settled(second), durable(settled(first)))
    const gone = moment(0, [node(0, { view: undefined, ...durable(settled(first)) })])
    assert.equal(watch(before, gone, at(settled(first), { run: 2 })), undefined)
    const stored = at(settled(second), durable(settled(second)))
    const back = watch(stored, gone, at(settled(first), { run: 2 }))
    assert.equal(back, undefined, 'the disk itself went back, which is no fault of the node')
    const kept = moment(0, [node(0, { view: undefined, ...durable(settled(second)) })])
    const less = watch(stored, kept, at(settled(first), { run: 2 }))
    assert.match(less ?? '', /came back with less than was durable, from v2/)
    assert.match(watch(stored, kept, at(undefined, { run: 2 })) ?? '', /has forgotten layout 2/)
    assert.equal(watch(stored, kept, at(undefined, { run: 2, damages: 1 })), undefined)
  })

  test('notices two of one version, whoever holds them and whenever', () => {
    const two = [node(0, holds(settled(second))), node(1, holds(settled(rival)))]
    assert.match(watch(moment(0, two)) ?? '', /n2 holds v2 .*, and n1 another of that version/)
    const third = settled(layoutOf([0, 1, 2, 3], second))
    const steps = [at(settled(second)), at(third), moment(9, [node(1, holds(settled(rival)))])]
    assert.match(watch(...steps) ?? '', /another of that version/)
  })

  test('notices two versions that go on when nothing is wrong', () => {
    const boundMs = agreementBoundMs(2, 0, DEFAULT_NODE_CONFIG)
    const split = (nowMs: number, calmSinceMs = 0): Moment => {
      const nodes = [node(0, holds(settled(first))), node(1, holds(settled(second)))]
      return moment(nowMs, nodes, calmSinceMs)
    }
    assert.equal(watch(split(0), split(boundMs)), undefined)
    assert.match(watch(split(0), split(boundMs + 1)) ?? '', /nodes disagree for \d+ ms, .* n2 v2/)
    assert.equal(watch(split(0), split(boundMs + 1, 5)), undefined)
    const both = [0, 1].map((index) => node(index, holds(settled(second))))
    const third = settled(layoutOf([0, 1, 2, 3], second))
    const behind = [node(0, holds(third)), node(1, holds(settled(second)))]
    const again = moment(boundMs + 1, behind, 0)
    assert.equal(watch(split(0), moment(5, both, 0), again), undefined)
  })
})

describe('bounded-queues', () => {
  const watch = (fields: Partial<NodeView>): string | undefined =>
    verdict(new QueueWatcher(DEFAULT_NODE_CONFIG), [
      moment(0, [node(0, { view: view([member(0)], fields) })]),
    ])
  const layout = { current: layoutOf([0, 1]), previous: undefined, synced: [], acked: [], lost: [] }

  test('accepts what is within its bounds', () => {
    const partitions = { total: 8, withQuorum: 8, allUp: 8 }
    const transfers = { ...IDLE.transfers, pending: 8, records: 1_000_000 }
    assert.equal(watch({ layout, partitions, transfers, inFlight: 10_000 }), undefined)
  })

  test('notices requests, partitions and members beyond them', () => {
    assert.match(watch({ inFlight: 10_001 }) ?? '', /n1: 10001 requests of 10000/)
    const transfers = { ...IDLE.transfers, pending: 9 }
    assert.match(watch({ layout, transfers }) ?? '', /9 partitions to pull of 8/)
    const members = Array.from({ length: 1_025 }, (_, index) => member(index))
    assert.match(watch({ members }) ?? '', /1025 members/)
    const more = { total: 8, withQuorum: 3, allUp: 4 }
    assert.match(watch({ layout, partitions: more }) ?? '', /4 partitions complete, 3 with/)
    const most = { total: 8, withQuorum: 9, allUp: 4 }
    assert.match(watch({ layout, partitions: most }) ?? '', /9 partitions with a quorum of 8/)
  })
})

/** Real but for its eyes: it shows everybody as alive. */
class RosyNode extends Node {
  override view(): NodeView {
    const seen = super.view()
    const members = seen.members.map((record) => ({ ...record, state: 'alive' }) as const)
    return { ...seen, members }
  }
}

describe('in a simulated run', () => {
  test('a failure detector that believes its dead to be alive is noticed', () => {
    const { violation } = runScenario(
      {
        ...crashRestartFive,
        loadMs: 40_000,
        faults: [
          {
            type: 'crash-restart',
            victims: [1, 1],
            betweenMs: [500, 1_000],
            downMs: [30_000, 30_000],
            midStepChance: 0,
            toldChance: 0,
          },
        ],
      },
      1,
      { create: (options) => new RosyNode(options) },
    )
    assert.equal(violation?.checker, 'membership')
    assert.match(violation?.message ?? '', /sees n\d alive \d+(\.\d+)? ms after it was gone/)
  })
})
