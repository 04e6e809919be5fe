/** Mutants of what a key holds: dots, vectors, stamps, merging, deletes. */
import type { Mutant } from './mutant.ts'

const ACTOR = 'src/core/versions/actor.js'
const CLOCK = 'src/core/versions/hybrid-clock.js'
const CONTAINER = 'src/core/versions/container.js'
const HOLDINGS = 'src/core/node/holdings.js'
const PREPARE = 'src/core/coordinator/prepare-write.js'

/** What shows when a write is missing that should be there, or is there that should be gone. */
export const LOSS: readonly string[] = [
  'quorum-reads',
  'acknowledged-writes',
  'no-lost-version',
  'no-resurrection',
  'no-return',
  'no-false-sibling',
  'read-your-writes',
  'monotonic-reads',
  'monotonic-writes',
  'writes-follow-reads',
]

export const VERSIONS: readonly Mutant[] = [
  {
    name: 'reused-counters',
    rule: 'a restart begins at the end of the durable lease (V1)',
    instead: 'it begins at the start of the lease, and amnesia is not noticed',
    patches: [
      {
        file: ACTOR,
        find: 'this.#last = state.leasedUntil;',
        replace: 'this.#last = Math.max(0, state.leasedUntil - LEASE);',
      },
      {
        file: ACTOR,
        find: 'return counterOf(vector, this.#vnode) > this.#last;',
        replace: 'return false;',
      },
    ],
    scenario: 'crash-restart',
    by: [...LOSS, 'dots', 'assertions'],
    seedsMax: 10,
  },
  {
    name: 'overwriting-sync',
    rule: 'what arrives is merged with what is held (V4)',
    instead: 'it replaces what is held',
    patches: [
      {
        file: HOLDINGS,
        find: 'unreadable ? container : sync(before.container, container)',
        replace: 'container',
      },
    ],
    scenario: 'partition-heal',
    by: [...LOSS, 'convergence'],
    seedsMax: 10,
  },
  {
    name: 'covered-versions-kept',
    rule: 'a version that the other side covers and does not hold is superseded (V3)',
    instead: 'a merge keeps all versions of both sides',
    patches: [
      {
        file: CONTAINER,
        find: 'order < 0 && !covers(b.vector, left.dot)',
        replace: 'order < 0',
      },
      {
        file: CONTAINER,
        find: 'order > 0 && !covers(a.vector, right.dot)',
        replace: 'order > 0',
      },
    ],
    scenario: 'partition-heal',
    by: [...LOSS, 'convergence'],
    seedsMax: 10,
  },
  {
    name: 'context-covers-unseen',
    rule: 'a context covers only what its client was shown (V3)',
    instead: 'the answer to a write covers siblings that its client has not seen',
    patches: [
      {
        file: PREPARE,
        find: 'alone ? contextOf(container) : undefined',
        replace: 'contextOf(container)',
      },
    ],
    scenario: 'partition-heal',
    by: [...LOSS, 'honest-answers'],
    seedsMax: 10,
  },
  {
    name: 'siblings-superseded-unseen',
    rule: 'a write supersedes just what its context covers (V3)',
    instead: 'a write to a siblings bucket replaces all that its coordinator holds',
    patches: [
      {
        file: PREPARE,
        find: "if (intent.conflicts === 'lww')",
        replace: 'if (true)',
      },
    ],
    scenario: 'partition-heal',
    by: LOSS,
    seedsMax: 10,
  },
  {
    name: 'stamp-not-above',
    rule: 'a stamp is above those of all that the write supersedes (V10)',
    instead: 'it is above what the node has seen of the clock only',
    patches: [
      {
        file: PREPARE,
        find: 'maxStamp(seen, greatestStamp(local))',
        replace: 'ZERO_STAMP',
      },
    ],
    scenario: 'slow-moves',
    by: [...LOSS, 'stamps'],
    seedsMax: 50,
  },
  {
    name: 'wall-clock-only',
    rule: 'the stamps of an lww bucket never order causally related writes wrongly (V10)',
    instead: 'a stamp is what the wall clock says',
    patches: [
      {
        file: CLOCK,
        find: 'if (this.#isTooFarAhead(above, wall))',
        replace: 'if (true) return { ms: wall, counter: 0 };\n        if (false)',
      },
    ],
    scenario: 'partition-heal',
    by: [...LOSS, 'stamps'],
    seedsMax: 10,
  },
]
