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
 * What holds from one request to the next while faults go on. It is not claimed where a node comes
 * back of which an operator has said that it will not: whoever has not heard of that yet may still
 * read with it where they read before, and the others have waited for neither.
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

/** What is left to judge where operators were wrong: above all, what is there at the end. */
export const CHECKERS_OF_WRONG_WORDS: readonly Checker[] = ALL_CHECKERS.filter(
  (checker) => !CLAIMS_UNDER_FAULTS.includes(checker),
)
