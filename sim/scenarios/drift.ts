/**
 * Replicas that drift apart, while what is deleted and what expires is reaped all the time: disks
 * from an old backup, nodes that were away for long, clocks that are wrong by an hour.
 */
import type { Fault } from '../faults/fault.ts'
import type { Scenario } from './scenario.ts'
import { STANDARD } from './standard.ts'

const DELETES: Scenario['workload'] = {
  ...STANDARD.workload,
  buckets: [
    { name: 'lww', mode: 'lww', r: 2, w: 2 },
    { name: 'siblings', mode: 'siblings', r: 2, w: 2 },
  ],
  deleteShare: 0.25,
  putShare: 0.35,
  ownQuorumChance: 0,
  weakensQuorums: false,
}

/** So often that it happens many times in a run. */
const OFTEN: Scenario['antiEntropyMs'] = [300, 3_000]

const PARTITIONS: Fault = {
  type: 'partition',
  shapes: ['isolated', 'pair', 'one-way'],
  calmMs: [200, 3_000],
  lastsMs: [300, 6_000],
}

export const oldBackups: Scenario = {
  ...STANDARD,
  name: 'old-backups',
  about: 'three nodes of which one at a time comes back with an old copy of its disk',
  workload: DELETES,
  keys: [2, 12],
  loadMs: 30_000,
  antiEntropyMs: OFTEN,
  faults: [
    { type: 'backup', calmMs: [200, 2_000], ageMs: [500, 10_000], downMs: [0, 3_000] },
    PARTITIONS,
  ],
}

export const longAway: Scenario = {
  ...STANDARD,
  name: 'long-away',
  about: 'three nodes of which one is down while the others delete, and reap, and go on',
  workload: DELETES,
  keys: [2, 12],
  loadMs: 30_000,
  antiEntropyMs: OFTEN,
  faults: [
    {
      type: 'crash-restart',
      victims: [1, 1],
      betweenMs: [1_000, 5_000],
      // Long enough to be declared dead, so that the others do not wait for it.
      downMs: [5_000, 15_000],
      midStepChance: 0.3,
      toldChance: 0.5,
    },
    PARTITIONS,
  ],
}

export const clockHour: Scenario = {
  ...STANDARD,
  name: 'clock-hour',
  about: 'three nodes whose wall clocks are stepped by up to an hour, and values that expire',
  workload: { ...DELETES, ttlShare: 0.4 },
  keys: [2, 12],
  antiEntropyMs: OFTEN,
  faults: [
    { type: 'clock-jump', calmMs: [100, 2_000], lastsMs: [500, 8_000], byMs: [1, 3_600_000] },
    PARTITIONS,
  ],
}

export const deadlines: Scenario = {
  ...STANDARD,
  name: 'deadlines',
  about: 'three nodes with clocks that differ as they may, and values that expire',
  workload: {
    ...DELETES,
    buckets: [...DELETES.buckets, { name: 'brief', mode: 'lww', r: 2, w: 2, ttlMs: 4_000 }],
    ttlShare: 0.4,
    ttlMs: [5_500, 9_000],
  },
  keys: [2, 8],
  clockOffsetMs: 400,
  antiEntropyMs: OFTEN,
  faults: [
    PARTITIONS,
    {
      type: 'crash-restart',
      victims: [1, 1],
      betweenMs: [500, 4_000],
      downMs: [500, 4_000],
      midStepChance: 0.3,
      toldChance: 0.5,
    },
  ],
}

/** Sloppy and strict buckets side by side; what is claimed of quorums is claimed of the strict. */
export const standIns: Scenario = {
  ...STANDARD,
  name: 'stand-ins',
  about: 'five nodes that crash and are cut off, in whose place others take writes',
  nodes: 5,
  born: 5,
  workload: {
    ...DELETES,
    buckets: [
      { name: 'lww', mode: 'lww', r: 2, w: 2, sloppy: true },
      { name: 'siblings', mode: 'siblings', r: 2, w: 2, sloppy: true },
      { name: 'all', mode: 'siblings', r: 1, w: 3, sloppy: true },
      { name: 'strict', mode: 'siblings', r: 2, w: 2 },
      { name: 'strict-lww', mode: 'lww', r: 1, w: 3 },
    ],
  },
  keys: [2, 8],
  antiEntropyMs: [1_000, 600_000],
  faults: [
    PARTITIONS,
    {
      type: 'crash-restart',
      victims: [1, 2],
      betweenMs: [300, 3_000],
      downMs: [500, 6_000],
      midStepChance: 0.3,
      toldChance: 0.5,
    },
  ],
}

export const DRIFT: readonly Scenario[] = [oldBackups, longAway, clockHour, deadlines, standIns]
