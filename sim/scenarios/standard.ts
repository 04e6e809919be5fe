/**
 * What the scenarios have in common: the clients' habits, and a network, disks and clocks of mixed
 * quality.
 */
import { ALL_CHECKERS } from '../checkers/all.ts'
import type { Scenario } from './scenario.ts'

const WORKLOAD: Scenario['workload'] = {
  buckets: [
    { name: 'lww', mode: 'lww', r: 2, w: 2 },
    { name: 'siblings', mode: 'siblings', r: 2, w: 2 },
  ],
  clientsPerNode: 2,
  thinkMs: [0, 150],
  putShare: 0.45,
  deleteShare: 0.1,
  listShare: 0.05,
  forgetChance: 0.3,
  ownQuorumChance: 0.2,
  weakensQuorums: true,
  retryChance: 0.1,
  impatience: 0.02,
  timeoutMs: [200, 2_500],
  valueBytes: [8, 600],
  ttlShare: 0.1,
  ttlMs: [2_000, 12_000],
  largeChance: 0,
  largeBytes: [0, 0],
}

/** A scenario without faults; others add theirs. */
export const STANDARD: Omit<Scenario, 'name' | 'about' | 'faults'> = {
  nodes: 3,
  born: 3,
  partitions: 16,
  replicas: 3,
  loadMs: 15_000,
  workload: WORKLOAD,
  keys: [1, 20],
  contextChance: [0.3, 1],
  network: { latencyMs: [1, 30], datagramLoss: [0, 0.2], datagramDuplication: [0, 0.1] },
  syncMs: [0.5, 25],
  diskFailure: [0, 0],
  clockOffsetMs: 150,
  clockDrift: 1e-4,
  antiEntropyMs: [1_000, 30_000],
  checkers: ALL_CHECKERS,
}
