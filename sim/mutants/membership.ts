/** Mutants of the failure detector and of what is remembered of members. */
import type { Mutant } from './mutant.ts'

const CLAIMS = 'src/core/membership/member-claims.js'
const JUDGEMENT = 'src/core/membership/judgement.js'
const OWN = 'src/core/membership/own-record.js'
const RECONNECTS = 'src/core/membership/reconnects.js'
const SUSPICION = 'src/core/membership/suspicion.js'
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
    name: 'dead-forgotten',
    rule: 'the dead are remembered for a day, and as long as the layout names them (R5)',
    instead: 'after ten seconds they are forgotten, whoever they are',
    patches: [
      {
        file: CLAIMS,
        find: 'since(gone, now) >= this.#options.rememberedMs',
        replace: 'since(gone, now) >= 10_000',
      },
      {
        file: CLAIMS,
        find: 'if (!this.#layout.has(id))',
        replace: 'if (true)',
      },
    ],
    scenario: 'long-partition',
    by: ['membership', 'progress'],
    seedsMax: 10,
  },
  {
    name: 'reconnect-never',
    rule: 'now and then one of the dead is tried, for ever (R6)',
    instead: 'nobody speaks to the dead',
    patches: [
      {
        file: RECONNECTS,
        find: 'if (now < this.#nextAt)',
        replace: 'if (true)',
      },
    ],
    scenario: 'long-partition',
    by: ['membership', 'progress'],
    seedsMax: 10,
  },
  {
    name: 'suspicion-for-ever',
    rule: 'a suspect that does not refute is dead when its time is over (R4)',
    instead: 'it stays suspect',
    patches: [
      {
        file: SUSPICION,
        find: 'if (this.deadline(id) <= now)',
        replace: 'if (false)',
      },
    ],
    scenario: 'long-absence',
    by: ['membership'],
    seedsMax: 10,
  },
  {
    name: 'accuser-raises',
    rule: 'nobody but the member itself raises its incarnation (R2)',
    instead: 'whoever accuses it says one more, to be heard',
    patches: [
      {
        file: JUDGEMENT,
        find: "const claim = { ...shown, state: 'suspect', accuser: this.#self };",
        replace: `const incarnation = shown.incarnation + 1;
        const claim = { ...shown, incarnation, state: 'suspect', accuser: this.#self };`,
      },
    ],
    scenario: 'partition-heal',
    by: ['membership'],
    seedsMax: 10,
  },
]
