/** Mutants of the layout and its moves. */
import type { Mutant } from './mutant.ts'
import { LOSS } from './versions.ts'

const CLUSTER = 'src/core/node/cluster.js'
const LAYOUT_STATE = 'src/core/placement/layout-state.js'
const TRANSFERS = 'src/core/node/transfers.js'
const WRITES = 'src/core/coordinator/writes.js'

export const MOVES: readonly Mutant[] = [
  {
    name: 'new-owners-only',
    rule: 'while a partition moves a write needs w of its old and w of its new owners (B.3.5)',
    instead: 'it needs w of the new owners',
    patches: [
      {
        file: WRITES,
        find: 'quorumSets(placement.writeSets, n, w)',
        replace: 'quorumSets(placement.writeSets.slice(-1), n, w)',
      },
      {
        file: WRITES,
        find: 'quorumSets(writeSets, n, w)',
        replace: 'quorumSets(writeSets.slice(-1), n, w)',
      },
    ],
    scenario: 'wide-move',
    by: LOSS,
    seedsMax: 20,
  },
  {
    name: 'union-quorum',
    rule: 'while a partition moves a write needs w of its old and w of its new owners (B.3.5)',
    instead: 'it needs w of all of them together',
    patches: [
      {
        file: WRITES,
        find: 'new QuorumTally(sets)',
        replace: 'new QuorumTally(joined(sets, w))',
      },
      {
        file: WRITES,
        find: 'write.tally.retarget(write.sets,',
        replace: 'write.tally.retarget(joined(write.sets, w),',
      },
      {
        file: WRITES,
        find: 'export class Writes {',
        replace: `function joined(sets, w) {
    const nodes = unionOf(sets);
    return [{ nodes, needed: Math.max(1, Math.min(w, nodes.length)) }];
}
export class Writes {`,
      },
    ],
    scenario: 'wide-move',
    by: LOSS,
    seedsMax: 30,
  },
  {
    name: 'read-from-incomplete-owner',
    rule: 'while a partition moves, reads ask its old owners (B.3.5)',
    instead: 'they ask the new ones',
    patches: [
      {
        file: LAYOUT_STATE,
        find: 'readSet: filled ? now : before }',
        replace: 'readSet: now }',
      },
    ],
    scenario: 'slow-moves',
    by: LOSS,
    seedsMax: 20,
  },
  {
    name: 'synced-without-pulling',
    rule: 'a new owner says that it has all when it has pulled all (B.3.5)',
    instead: 'it says so at once',
    patches: [
      {
        file: TRANSFERS,
        find: 'const needed = owners.length - Math.min(leastW, owners.length) + 1 - own;',
        replace: 'const needed = 0;',
      },
    ],
    scenario: 'single-copies',
    by: LOSS,
    seedsMax: 10,
  },
  {
    name: 'pull-forgotten',
    rule: 'a node that restarts while data moves goes on pulling',
    instead: 'it waits for news of the layout',
    patches: [
      {
        file: CLUSTER,
        find: 'if (layout.moving)',
        replace: 'if (false)',
      },
    ],
    scenario: 'slow-moves',
    by: ['progress'],
    seedsMax: 30,
  },
  {
    name: 'state-not-stored-again',
    rule: 'state of its own that a node could not store is stored again',
    instead: 'it is not',
    patches: [
      {
        file: CLUSTER,
        find: 'if (this.#persistArmed)',
        replace: 'if (true)',
      },
    ],
    scenario: 'bad-disks',
    by: [...LOSS, 'progress', 'honest-answers'],
    seedsMax: 20,
  },
]
