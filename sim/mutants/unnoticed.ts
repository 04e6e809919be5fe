/**
 * Mutants that nobody notices yet, each with the reason. They are kept, and kept making sense, so
 * that a checker or a scenario that is added can be tried on them; one that is noticed moves to the
 * others.
 */
import type { Mutant } from './mutant.ts'

const ACTOR = 'src/core/versions/actor.js'
const BROKEN = 'src/core/node/broken-records.js'
const CLAIMS = 'src/core/membership/member-claims.js'
const CLOCK = 'src/core/versions/hybrid-clock.js'
const RECEIVER = 'src/core/repair/transfer-receiver.js'
const REPLICA = 'src/core/coordinator/replica.js'
const STALL = 'src/core/membership/stall-guard.js'
const TRANSFERS = 'src/core/node/transfers.js'

export interface Unnoticed extends Omit<Mutant, 'by' | 'seedsMax'> {
  /** Why nobody notices; `scenario` is where that was tried. */
  readonly why: string
}

export const UNNOTICED: readonly Unnoticed[] = [
  {
    name: 'no-layout-fence',
    rule: 'a replica refuses what was sent under an older layout than its own',
    instead: 'it takes it',
    patches: [
      {
        file: REPLICA,
        find: 'const stale = version < facts.layoutVersion;',
        replace: 'const stale = false;',
      },
    ],
    scenario: 'slow-moves',
    why:
      'the replica tells its own layout before it answers, on the same link, so that the sender ' +
      'aims anew: of two defences one is enough, and `no-layout-fence-nor-news` breaks both',
  },
  {
    name: 'pull-not-doubted',
    rule: 'when a batch was lost during a pull, everything is pulled once more',
    instead: 'what was skipped as being here already is believed to be',
    patches: [
      {
        file: TRANSFERS,
        find: 'this.#doubtful ||= this.#pulling;',
        replace: '',
      },
    ],
    scenario: 'moves-on-bad-disks',
    why:
      'it shows once in dozens of seeds on disks that refuse many batches: another old owner ' +
      'nearly always has what was skipped',
  },
  {
    name: 'clock-lease-ignored',
    rule: 'a restart draws no stamp below those of its earlier life (V10)',
    instead: 'its clock begins at what the wall clock says',
    patches: [
      {
        file: CLOCK,
        find: 'this.#last = { ms: this.#leasedUntilMs, counter: 0 };',
        replace: 'this.#last = { ms: 0, counter: 0 };',
      },
    ],
    scenario: 'crash-restart',
    why:
      'a stamp is drawn above all that its node holds of the key, so no read tells; a ' +
      'checker must compare the stamps of one vnode id',
  },
  {
    name: 'amnesia-ignored',
    rule: 'a node that hears of dots of its own that it has not drawn begins under a new id (V1)',
    instead: 'it goes on under the old one',
    patches: [
      {
        file: ACTOR,
        find: 'return counterOf(vector, this.#vnode) > this.#last;',
        replace: 'return false;',
      },
    ],
    scenario: 'crash-restart',
    why: 'a node rolled back within one lease does not notice with the rule either',
  },
  {
    name: 'lost-batch-acknowledged',
    rule: 'what is acknowledged as held already is looked for again when a batch was lost',
    instead: 'a barrier alone is enough',
    patches: [
      {
        file: REPLICA,
        find: 'losses === this.#losses',
        replace: 'true',
      },
    ],
    scenario: 'bad-disks',
    why:
      'another replica nearly always has the write; a watcher must count the disks that ' +
      'hold an acknowledged write',
  },
  {
    name: 'old-actor-on-broken-record',
    rule: 'where a record was unreadable, somebody new draws the dots (V1)',
    instead: 'the old vnode id goes on',
    patches: [
      {
        file: BROKEN,
        find: 'this.#parts.actors.renew(parsed.partition);',
        replace: '',
      },
    ],
    scenario: 'rotten-disks',
    why:
      'every read of a rotten record starts its repair, which is faster than the next two ' +
      'writes',
  },
  {
    name: 'hearsay-is-proof',
    rule: 'that a member lives again is believed when it has shown it itself (R3)',
    instead: 'the word of another is enough',
    patches: [
      {
        file: CLAIMS,
        find: 'this.isShownLive(id) || this.#isProved(claim, now)',
        replace: 'true',
      },
    ],
    scenario: 'crash-restart',
    why:
      'who is revived by hearsay is called dead again within seconds, long before the watcher ' +
      'is sure; only where memory ends is he revived for ever, and here the layout names all',
  },
  {
    name: 'no-stall-guard',
    rule: 'time in which a node stood still itself is no silence of others (R8)',
    instead: 'it accuses all whose answers it did not hear meanwhile',
    patches: [
      {
        file: STALL,
        find: 'return gap > this.#gapMax ? gap : duration(0);',
        replace: 'return duration(0);',
      },
    ],
    scenario: 'pauses',
    why: 'no checker counts false accusations',
  },
  {
    name: 'fence-not-durable',
    rule: 'a transfer is served under a layout that a crash cannot take back',
    instead: 'it is served under the layout that was heard of',
    patches: [
      {
        file: TRANSFERS,
        find: 'const layoutVersion = layout.durableVersion;',
        replace: 'const layoutVersion = layout.version;',
      },
    ],
    scenario: 'grow-in-the-dark',
    why:
      'between hearing of a layout and having it durably lie milliseconds, and who has pulled ' +
      'tells the old owner of the layout again before it takes a write under the old one',
  },
  {
    name: 'synced-before-durable',
    rule: 'a new owner says that it has all when all is durable (B.3.5)',
    instead: 'it says so when all is handed to the store',
    patches: [
      {
        file: RECEIVER,
        find: 'if (operations.length === 0)',
        replace: `if (operations.length > 0)
            effects.push({ type: 'store', token: ++this.#token, operations });
        if (true)`,
      },
      {
        file: TRANSFERS,
        find: 'this.#barrier = ++this.#barriers;',
        replace: 'if (true) return this.#parts.complete();',
      },
    ],
    scenario: 'grow-in-the-dark',
    why:
      'it shows once in about fifty seeds: batches become durable in order, so whoever has the ' +
      'mark after a crash has the records too, and others act on it when it is so with them',
  },
]
