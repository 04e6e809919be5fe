/**
 * Hunting grounds: scenarios made to show rules of which ordinary ones give away little.
 */
import { acknowledgedWrites } from '../checkers/acknowledged-writes.ts'
import { convergence } from '../checkers/convergence.ts'
import { noLostVersion } from '../checkers/no-lost-version.ts'
import { noResurrection } from '../checkers/no-resurrection.ts'
import type { Fault } from '../faults/fault.ts'
import { STANDARD } from '../scenarios/standard.ts'
import { longAway } from '../scenarios/drift.ts'
import type { Scenario } from '../scenarios/scenario.ts'

const QUORUMS: Scenario['workload'] = { ...STANDARD.workload, ownQuorumChance: 0 }

/** So that nobody else brings what is missing: the first comparisons come after the run. */
const NEVER: Scenario['antiEntropyMs'] = [3_600_000, 3_600_000]

/** Moves that take long, one after the other, under load and in all kinds of trouble. */
export const slowMoves: Scenario = {
  ...STANDARD,
  name: 'slow-moves',
  about: 'three nodes to which four more join, on slow disks, in partitions and crashes',
  nodes: 7,
  born: 3,
  loadMs: 12_000,
  workload: { ...QUORUMS, clientsPerNode: 1, thinkMs: [0, 80] },
  keys: [3, 20],
  syncMs: [20, 300],
  network: { ...STANDARD.network, latencyMs: [20, 300] },
  antiEntropyMs: NEVER,
  faults: [
    { type: 'join', betweenMs: [300, 2_500] },
    {
      type: 'partition',
      shapes: ['isolated', 'split', 'mute', 'deaf', 'pair', 'one-way'],
      calmMs: [100, 1_500],
      lastsMs: [300, 3_000],
    },
    {
      type: 'crash-restart',
      victims: [1, 2],
      betweenMs: [300, 3_000],
      downMs: [0, 3_000],
      midStepChance: 0.5,
      toldChance: 0.5,
    },
  ],
}

/** Like it, on disks that refuse batches. */
export const movesOnBadDisks: Scenario = {
  ...slowMoves,
  name: 'moves-on-bad-disks',
  about: 'three nodes to which four more join, on slow disks that refuse batches',
  diskFailure: [0.02, 0.1],
}

/** One move of half of all replicas, which takes long. */
export const wideMove: Scenario = {
  ...STANDARD,
  name: 'wide-move',
  about: 'three nodes, to which three more join at once, on slow disks and slow links',
  nodes: 6,
  born: 3,
  partitions: 128,
  loadMs: 10_000,
  workload: { ...QUORUMS, clientsPerNode: 3, thinkMs: [0, 60] },
  keys: [3, 10],
  syncMs: [50, 300],
  network: { ...STANDARD.network, latencyMs: [50, 400] },
  antiEntropyMs: NEVER,
  faults: [
    { type: 'join', betweenMs: [0, 60] },
    { type: 'partition', shapes: ['pair', 'one-way'], calmMs: [0, 500], lastsMs: [300, 2_000] },
  ],
}

const SLOW_DISK: Fault = {
  type: 'slow-disk',
  calmMs: [0, 100],
  lastsMs: [500, 1_500],
  times: [20, 100],
}

/**
 * Buckets of one copy: what a new owner does not have, or an old one takes too late, is lost for
 * all to see. Judged in the end only: a read of one copy may meet an owner that has not heard of
 * the move.
 */
export const singleCopies: Scenario = {
  ...STANDARD,
  name: 'single-copies',
  about: 'three nodes to which three more join; each key has one copy, disks are slow, nodes crash',
  nodes: 6,
  born: 3,
  loadMs: 10_000,
  workload: {
    ...QUORUMS,
    buckets: [
      { name: 'lww', mode: 'lww', n: 1, r: 1, w: 1 },
      { name: 'siblings', mode: 'siblings', n: 1, r: 1, w: 1 },
    ],
    clientsPerNode: 2,
    thinkMs: [0, 80],
  },
  keys: [10, 40],
  syncMs: [5, 30],
  faults: [
    { type: 'join', betweenMs: [300, 2_500] },
    SLOW_DISK,
    SLOW_DISK,
    {
      type: 'crash-restart',
      victims: [1, 3],
      betweenMs: [200, 1_000],
      downMs: [0, 300],
      midStepChance: 0.3,
      toldChance: 0.5,
    },
  ],
  checkers: [noLostVersion, noResurrection, acknowledgedWrites, convergence],
}

/** Longer than the dead may be forgotten. */
export const longPartition: Scenario = {
  ...STANDARD,
  name: 'long-partition',
  about: 'five nodes that are split for the better part of a minute',
  nodes: 5,
  born: 5,
  loadMs: 50_000,
  workload: { ...STANDARD.workload, clientsPerNode: 1, thinkMs: [500, 1_500] },
  faults: [
    { type: 'partition', shapes: ['split'], calmMs: [100, 1_000], lastsMs: [60_000, 90_000] },
  ],
}

/** Longer than a crash may stay unnoticed by a node at its worst. */
export const longAbsence: Scenario = {
  ...STANDARD,
  name: 'long-absence',
  about: 'five nodes, of which one is down for more than a minute',
  nodes: 5,
  born: 5,
  loadMs: 85_000,
  workload: { ...STANDARD.workload, clientsPerNode: 1, thinkMs: [1_000, 2_500] },
  faults: [
    {
      type: 'crash-restart',
      victims: [1, 1],
      betweenMs: [500, 1_500],
      downMs: [90_000, 95_000],
      midStepChance: 0,
      toldChance: 0.5,
    },
  ],
}

/** One node becomes six while all of them lose power together, again and again. */
export const growInTheDark: Scenario = {
  ...STANDARD,
  name: 'grow-in-the-dark',
  about: 'one node, to which five more join, on slow disks, while many lose power together',
  nodes: 6,
  born: 1,
  loadMs: 8_000,
  workload: { ...QUORUMS, clientsPerNode: 1, thinkMs: [0, 80] },
  keys: [3, 30],
  syncMs: [200, 800],
  faults: [
    { type: 'join', betweenMs: [100, 3_000] },
    {
      type: 'crash-restart',
      victims: [1, 6],
      betweenMs: [200, 1_000],
      downMs: [0, 500],
      midStepChance: 0.3,
      toldChance: 0.5,
    },
  ],
}

/** Few keys on slow disks that refuse some batches. */
export const badDisks: Scenario = {
  ...STANDARD,
  name: 'bad-disks',
  about: 'three nodes whose slow disks refuse up to four of ten batches, in partitions',
  workload: { ...QUORUMS, clientsPerNode: 4, thinkMs: [0, 40] },
  keys: [1, 4],
  syncMs: [20, 200],
  diskFailure: [0.1, 0.4],
  faults: [
    {
      type: 'partition',
      shapes: ['isolated', 'pair', 'one-way'],
      calmMs: [100, 1_500],
      lastsMs: [300, 2_000],
    },
  ],
}

/** Records that come back with flipped bits. */
export const rottenDisks: Scenario = {
  ...STANDARD,
  name: 'rotten-disks',
  about: 'three nodes whose stored records rot, one node at a time',
  workload: { ...QUORUMS, clientsPerNode: 3, thinkMs: [0, 60] },
  keys: [2, 8],
  faults: [{ type: 'bit-rot', calmMs: [200, 1_500], share: [0.2, 1] }],
}

/** The same while nodes miss writes, and take over each other's clocks all the time. */
export const rotAndPartitions: Scenario = {
  ...rottenDisks,
  name: 'rot-and-partitions',
  about: 'three nodes whose stored records rot, one node at a time, and that are cut off',
  keys: [3, 12],
  antiEntropyMs: [300, 1_500],
  faults: [
    ...rottenDisks.faults,
    {
      type: 'partition',
      shapes: ['isolated', 'pair', 'one-way'],
      calmMs: [100, 1_500],
      lastsMs: [300, 3_000],
    },
  ],
}

/** Holes in clocks that stay open for long, since nobody compares. */
export const rarelyCompared: Scenario = {
  ...longAway,
  name: 'rarely-compared',
  about: 'three nodes that delete much, are cut off much, and compare only who was lost',
  loadMs: 40_000,
  keys: [2, 6],
  antiEntropyMs: NEVER,
  faults: [
    {
      type: 'partition',
      shapes: ['isolated', 'pair', 'one-way'],
      calmMs: [100, 1_500],
      lastsMs: [300, 3_000],
    },
    {
      type: 'partition',
      shapes: ['pair', 'one-way'],
      calmMs: [100, 1_500],
      lastsMs: [300, 3_000],
    },
  ],
}

/** Processes that stand still, while nobody crashes and nothing is lost. */
export const pauses: Scenario = {
  ...STANDARD,
  name: 'pauses',
  about: 'five nodes that stand still for a while, one or two at a time',
  nodes: 5,
  born: 5,
  faults: [{ type: 'pause', victims: [1, 2], calmMs: [300, 2_000], lastsMs: [1_000, 8_000] }],
}

/** So many keys that every listing has many pages. */
export const manyKeys: Scenario = {
  ...STANDARD,
  name: 'many-keys',
  about: 'five nodes at peace, and many keys',
  nodes: 5,
  born: 5,
  loadMs: 5_000,
  keys: [30, 60],
  faults: [],
}

export const GROUNDS: readonly Scenario[] = [
  slowMoves,
  wideMove,
  singleCopies,
  movesOnBadDisks,
  longPartition,
  longAbsence,
  growInTheDark,
  badDisks,
  rottenDisks,
  rotAndPartitions,
  rarelyCompared,
  pauses,
  manyKeys,
]
