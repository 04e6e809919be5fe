/** Mutants of what brings replicas together: clocks, the fence, reaping, deadlines, stand-ins. */
import type { Mutant } from './mutant.ts'
import { LOSS } from './versions.ts'

const ACTORS = 'src/core/node/actors.js'
const EXPIRY = 'src/core/versions/expiry.js'
const HOLDINGS = 'src/core/node/holdings.js'
const READ_ANSWERS = 'src/core/coordinator/read-answers.js'
const REAP_RULE = 'src/core/repair/reap-rule.js'
const WRITES = 'src/core/coordinator/writes.js'

export const REPAIR: readonly Mutant[] = [
  {
    name: 'hints-as-owners',
    rule: 'in a strict bucket what stands in for a replica never counts towards w',
    instead: 'a hint that a fallback keeps counts as the copy of its owner',
    patches: [
      { file: WRITES, find: 'else if (write.start.sloppy)', replace: 'else if (true)' },
      { file: WRITES, find: 'if (!write.start.sloppy || !write', replace: 'if (!write' },
    ],
    scenario: 'stand-ins',
    by: LOSS,
    seedsMax: 20,
  },
  {
    name: 'no-fence',
    rule: 'who holds nothing of a key has seen all that its clock covers (V7)',
    instead: 'it is given what the other has, as if it had never seen it',
    patches: [
      {
        file: HOLDINGS,
        find: 'container: { versions: [], vector: base }, isWhole: false, isStored: false',
        replace: 'container: { versions: [], vector: [] }, isWhole: false, isStored: false',
      },
      {
        file: HOLDINGS,
        find: 'return { versions: [], vector };',
        replace: 'return { versions: [], vector: [] };',
      },
      {
        file: READ_ANSWERS,
        find: 'return { versions: [], vector };',
        replace: 'return { versions: [], vector: [] };',
      },
    ],
    scenario: 'old-backups',
    by: [...LOSS, 'convergence', 'dots', 'nothing-dead-left', 'listings'],
    seedsMax: 20,
  },
  {
    name: 'reaped-at-once',
    rule: 'a tombstone goes when the base of the clock covers it, and all who are up have it (V6)',
    instead: 'it goes when it is looked at next, whatever is known of the others',
    patches: [
      {
        file: REAP_RULE,
        find: 'if (!facts.clock.dominates(container.vector))',
        replace: 'if (false)',
      },
      {
        file: REAP_RULE,
        find: 'return covers(facts.floor, version.dot) ?',
        replace: 'return true ?',
      },
      {
        file: HOLDINGS,
        find: 'after.versions.length === 0 && clock.dominates(after.vector)',
        replace: 'after.versions.length === 0',
      },
    ],
    scenario: 'old-backups',
    by: [...LOSS, 'convergence', 'dots'],
    seedsMax: 50,
  },
  {
    name: 'base-taken-over',
    rule: 'a hole in a clock is closed by a completed exchange, and by nothing else (V5)',
    instead: 'the base that comes with any record is taken over',
    patches: [
      {
        file: HOLDINGS,
        find: 'const container = this.decode(record, base);',
        replace: `const container = this.decode(record, base);
        for (const { vnode, counter } of decodeBase(base) ?? [])
            this.clockOf(partition).addRun(vnode, 1, counter);`,
      },
    ],
    scenario: 'long-away',
    by: [...LOSS, 'convergence', 'dots'],
    seedsMax: 20,
  },
  {
    name: 'clock-of-lost-batches',
    rule: 'a clock claims what is stored, or will be by the same batch (V5)',
    instead: 'it goes on claiming what the disk has refused',
    patches: [{ file: HOLDINGS, find: 'this.#clocks.clear();', replace: '' }],
    scenario: 'bad-disks',
    by: [...LOSS, 'convergence', 'dots'],
    seedsMax: 20,
  },
  {
    name: 'old-ids-after-backup',
    rule: 'a restored backup draws from new vnode ids (V1, V8)',
    instead: 'it goes on with the ids and the counters that it finds',
    patches: [
      {
        file: ACTORS,
        find: 'this.#resumed = options.resumed;',
        replace: 'this.#resumed = true;',
      },
      {
        file: ACTORS,
        find: 'this.#hasStrayIds = !options.resumed;',
        replace: 'this.#hasStrayIds = false;',
      },
    ],
    scenario: 'old-backups',
    by: [...LOSS, 'convergence', 'dots', 'assertions'],
    seedsMax: 20,
  },
  {
    name: 'only-the-winner-is-reaped',
    rule: 'in last-write-wins a dead winner goes together with what it won against',
    instead: 'it goes alone, and what had lost is shown again',
    patches: [{ file: REAP_RULE, find: "facts.conflicts === 'lww' ?", replace: 'false ?' }],
    scenario: 'long-away',
    by: [...LOSS, 'no-return', 'convergence', 'listings'],
    seedsMax: 20,
  },
  {
    name: 'expired-and-shown',
    rule: 'what has expired is shown to nobody, whether it is reaped or not (V10)',
    instead: 'it is shown until it is reaped',
    patches: [
      {
        file: EXPIRY,
        find: 'return expiresAtMs > 0 && expiresAtMs <= nowMs;',
        replace: 'return false;',
      },
    ],
    scenario: 'deadlines',
    by: ['expiry', 'listings', 'honest-answers', 'convergence'],
    seedsMax: 20,
  },
]
