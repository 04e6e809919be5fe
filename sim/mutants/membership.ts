/** Mutants of the failure detector and of what is remembered of members. */
import type { Mutant } from './mutant.ts'

const CLAIMS = 'src/core/membership/member-claims.js'
const OWN = 'src/core/membership/own-record.js'
const SWIM = 'src/core/membership/swim.js'
const TABLE = 'src/core/membership/member-table.js'

const REVIVES = `function revives(claim, held) {
    const isDown = held.state === 'dead' || held.state === 'suspect';
    return isDown && claim.state === 'alive' && claim.generation === held.generation;
}
`

export const MEMBERSHIP: readonly Mutant[] = [
  {
    name: 'no-refutation',
    rule: 'a member that is accused says one more (R2)',
    instead: 'it is silent',
    patches: [
      {
        file: OWN,
        find: 'if (!this.#mustRefute(claim))',
        replace: 'if (true)',
      },
    ],
    scenario: 'partition-heal',
    by: ['progress', 'membership'],
    seedsMax: 10,
  },
  {
    name: 'stale-incarnation',
    rule: 'of two claims of one generation that of the greater incarnation stands (R1)',
    instead: '`alive` of any incarnation is taken over `dead` and `suspect`',
    patches: [
      {
        file: CLAIMS,
        find: 'held !== undefined && compareRecords(claim, held) <= 0',
        replace: 'held !== undefined && compareRecords(claim, held) <= 0 && !revives(claim, held)',
      },
      {
        file: CLAIMS,
        find: 'export class MemberClaims {',
        replace: `${REVIVES}export class MemberClaims {`,
      },
      {
        file: TABLE,
        find: 'held !== undefined && compareRecords(record, held) <= 0',
        replace:
          'held !== undefined && compareRecords(record, held) <= 0 && !revives(record, held)',
      },
      {
        file: TABLE,
        find: 'export class MemberTable {',
        replace: `${REVIVES}export class MemberTable {`,
      },
    ],
    scenario: 'partition-heal',
    by: ['membership', 'assertions', 'progress'],
    seedsMax: 10,
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
    by: ['membership', 'assertions'],
    seedsMax: 10,
  },
  {
    name: 'dead-forgotten',
    rule: 'the dead are remembered, and asked now and then (R5, R6)',
    instead: 'after thirty seconds they are forgotten',
    patches: [
      {
        file: CLAIMS,
        find: 'setSelf(record) {',
        replace: `forget(id) {
        this.#held.forget(id);
        this.#shown.forget(id);
        this.#contested.delete(id);
        this.#forgotten(id);
    }
    setSelf(record) {`,
      },
      {
        file: SWIM,
        find: 'this.#packets.news.expire(now);',
        replace: `this.#packets.news.expire(now);
        this.deadSince ??= new Map();
        for (const { info, state } of this.records()) {
            if (state !== 'dead') this.deadSince.delete(info.id);
            else if (!this.deadSince.has(info.id)) this.deadSince.set(info.id, now);
            else if (now - this.deadSince.get(info.id) >= 30_000) {
                this.deadSince.delete(info.id);
                this.#claims.forget(info.id);
            }
        }`,
      },
    ],
    scenario: 'long-partition',
    by: ['progress', 'membership'],
    seedsMax: 10,
  },
]
