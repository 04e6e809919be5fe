/** The checkers by name; scenarios say which of them judge. */
import { acknowledgedWrites } from './acknowledged-writes.ts'
import { boundedQueues } from './bounded-queues.ts'
import { convergence } from './convergence.ts'
import { dots } from './dots.ts'
import type { Checker } from './evidence.ts'
import { expiry } from './expiry.ts'
import { honestAnswers } from './honest-answers.ts'
import { listings } from './listings.ts'
import { monotonicReads } from './monotonic-reads.ts'
import { monotonicWrites } from './monotonic-writes.ts'
import { noFalseSibling } from './no-false-sibling.ts'
import { noLostVersion } from './no-lost-version.ts'
import { noResurrection } from './no-resurrection.ts'
import { noReturn } from './no-return.ts'
import { nothingDeadLeft } from './nothing-dead-left.ts'
import { quorumReads } from './quorum-reads.ts'
import { readYourWrites } from './read-your-writes.ts'
import { stamps } from './stamps.ts'
import { writesFollowReads } from './writes-follow-reads.ts'

/**
 * What holds from one request to the next while faults go on. It is not claimed where data moves
 * while nodes are cut off from each other: one that has heard of the end of a move writes to the
 * new replicas alone, while two that have not may still read from the old ones.
 */
const CLAIMS_UNDER_FAULTS: readonly Checker[] = [
  quorumReads,
  readYourWrites,
  monotonicReads,
  monotonicWrites,
  writesFollowReads,
]

/** The most telling first: the first that fails names the run's fault. */
export const ALL_CHECKERS: readonly Checker[] = [
  honestAnswers,
  expiry,
  dots,
  stamps,
  quorumReads,
  noLostVersion,
  noResurrection,
  noReturn,
  noFalseSibling,
  acknowledgedWrites,
  readYourWrites,
  monotonicReads,
  monotonicWrites,
  writesFollowReads,
  convergence,
  nothingDeadLeft,
  listings,
  boundedQueues,
]

/**
 * What is left to judge where data moves in a divided world: above all, what is there at the end.
 */
export const CHECKERS_OF_DIVIDED_MOVES: readonly Checker[] = ALL_CHECKERS.filter(
  (checker) => !CLAIMS_UNDER_FAULTS.includes(checker),
)
