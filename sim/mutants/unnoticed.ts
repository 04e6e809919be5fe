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
const EXPIRY = 'src/core/versions/expiry.js'
const HOLDINGS = 'src/core/node/holdings.js'
const PREPARE = 'src/core/coordinator/prepare-write.js'
const FRONTIER = 'src/core/node/frontier.js'
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
    name: 'listing-beyond-frontier',
    rule: 'a listing is complete only up to the least end of the pages that it merges',
    instead: 'it goes on up to the greatest end',
    patches: [
      {
        file: FRONTIER,
        find: 'order * compareBytes(last, frontier) < 0',
        replace: 'order * compareBytes(last, frontier) > 0',
      },
    ],
    scenario: 'many-keys',
    why:
      'the last listings are asked for when all replicas hold the same, so that their pages end at ' +
      'the same key; one under load is only looked at for order and range',
  },
  {
    name: 'one-old-owner',
    rule: 'a new owner pulls from so many old owners that they meet every write quorum (B.3.5)',
    instead: 'it pulls from one',
    patches: [
      {
        file: TRANSFERS,
        find: 'const needed = owners.length - Math.min(leastW, owners.length) + 1 - own;',
        replace: 'const needed = 1;',
      },
    ],
    scenario: 'slow-moves',
    why:
      'whoever coordinates a write keeps a hint for each replica that has not got it, so that what ' +
      'one old owner lacks comes to the new ones by that way as well',
  },
  {
    name: 'counter-from-copy',
    rule: 'a dot comes from the counter of the vnode and of no key (V1)',
    instead: 'its counter is one more than the greatest in the local copy and the context',
    patches: [
      {
        file: PREPARE,
        find: 'undefined : actor.draw();',
        replace: `undefined : (() => {
          const seen = joinVectors(local.vector, context).find((d) => d.vnode === actor.vnode);
          return { vnode: actor.vnode, counter: 1 + (seen?.counter ?? 0) };
        })();`,
      },
    ],
    scenario: 'disk-failure',
    why:
      'the local copy is filled with the base of its partition, which is the greatest counter of ' +
      'the vnode wherever nothing is missing: of two defences one is enough',
  },
  {
    name: 'doubt-ignored',
    rule: 'nobody takes over the clock of a partition of which a record broke (V9)',
    instead: 'it is believed like any other',
    patches: [
      {
        file: HOLDINGS,
        find: 'if (clock.doubtful)\n            return undefined;',
        replace: 'if (true)\n            return undefined;',
      },
    ],
    scenario: 'rot-and-partitions',
    why:
      'a broken record is read from the others as soon as it is found, and the tree of its ' +
      'partition is made anew, which takes longer: an exchange between the two is rare',
  },
  {
    name: 'deadline-by-own-clock',
    rule: 'a node reckons its own clock as slow as it may be when it looks at a deadline',
    instead: 'it reckons that its clock is right',
    patches: [
      {
        file: EXPIRY,
        find: 'return expiresAtMs > 0 && expiresAtMs <= nowMs;',
        replace: 'return expiresAtMs > 0 && expiresAtMs <= nowMs - 500;',
      },
    ],
    scenario: 'deadlines',
    why:
      'a deadline is reckoned by the hybrid clock, which the fastest clock of the cluster keeps ' +
      'ahead of the slow ones: where anybody writes the allowance is hardly ever needed',
  },
  {
    name: 'layout-of-a-minority',
    rule: 'a majority of the nodes of a layout chooses the next one (B.3.4)',
    instead: 'whoever plans chooses by itself',
    patches: [
      {
        file: 'src/core/node/layout-register.js',
        find: 'return rest.length * 2 > nodes.length ? [nodes] : rest.map((node) => [node]);',
        replace: 'return [[rest[0]]];',
      },
      {
        file: 'src/core/node/layout-keeper.js',
        find: 'up.length * 2 > nodes.length ? up[0] : undefined;',
        replace: 'up[0];',
      },
    ],
    scenario: 'slow-moves',
    why:
      'those who join ask a member that they can reach, and of two sides of a partition one alone is ' +
      'asked, nearly always; the rule of who plans then keeps two from planning at once',
  },
  {
    name: 'retired-when-filled',
    rule: 'the old owners count until too few are left to read by them (B.3.5)',
    instead: 'they count until the new ones have everything',
    patches: [
      {
        file: 'src/core/placement/layout-state.js',
        find: 'return gainers.length > 0 ? gainers : stillReading(state, leastR);',
        replace: 'return gainers;',
      },
    ],
    scenario: 'wide-move',
    why:
      'news of the end of a move spreads within a second, and who has heard of it refuses to be read ' +
      'from by the old sets: it takes a reader that is cut off just then, with enough of the others',
  },
  {
    name: 'no-layout-fence-nor-news',
    rule: 'a replica refuses what was sent under an older layout, after telling the sender its own',
    instead: 'it takes it, and tells of its own layout now and then only',
    patches: [
      {
        file: REPLICA,
        find: 'const isStale = message.layoutVersion < facts.layoutVersion;',
        replace: 'const isStale = false;',
      },
      {
        file: REPLICA,
        find: 'const isStale = message.readVersion < facts.readVersion;',
        replace: 'const isStale = false;',
      },
      {
        file: 'src/core/node/outlet.js',
        find: "const isOfLayout = 'layoutVersion' in message || 'readVersion' in message;",
        replace: 'const isOfLayout = false;',
      },
      {
        file: 'src/core/node/cluster.js',
        find: 'this.#parts.layout.stored(version);',
        replace: 'this.#parts.layout.stored(version);\n        if (true) return;',
      },
    ],
    scenario: 'single-copies',
    why:
      'a move is over only when those who could still write by the layout before have said that they ' +
      'know it, so that by then hardly anybody sends anything under it',
  },
  {
    name: 'no-layout-fence',
    rule: 'a replica refuses what was sent under an older layout than its own',
    instead: 'it takes it',
    patches: [
      {
        file: REPLICA,
        find: 'const isStale = message.layoutVersion < facts.layoutVersion;',
        replace: 'const isStale = false;',
      },
    ],
    scenario: 'slow-moves',
    why:
      'the replica tells its own layout before it answers, on the same link, so that the sender ' +
      'aims anew: of two defences one is enough',
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
        find: 'this.#last = { ms: this.#resumedAtMs, counter: 0 };',
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
