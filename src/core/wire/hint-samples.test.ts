/** Messages about hints: one of each kind with its golden bytes, and arbitrary ones. */
import fc from 'fast-check'
import type { HandedHint } from '../repair/hint-messages.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { HintMessage } from './messages.ts'

const target = 'b0b1b2b3b4b5b6b7' as NodeId
const HINT: HandedHint = {
  partition: 0x0102 as PartitionId,
  key: Uint8Array.of(0x4b, 0x31),
  record: Uint8Array.of(0x52, 0x52),
  base: Uint8Array.of(0x42),
}
const request = 300

export const HINT_SAMPLES: Readonly<Record<string, HintMessage>> = {
  hint: { type: 'hint', request, layoutVersion: 4, target, ...HINT },
  'hint-reply': { type: 'hint-reply', request, target, outcome: 'full' },
  'hint-handoff': { type: 'hint-handoff', request, layoutVersion: 4, hints: [HINT, HINT] },
  'hint-handoff-reply': { type: 'hint-handoff-reply', request, outcome: 'busy' },
}

const GOLDEN = '0102 024b31 025252 0142'

export const HINT_GOLDEN: Readonly<Record<string, string>> = {
  hint: `40 ac02 04 ${target} ${GOLDEN}`,
  'hint-reply': `41 ac02 ${target} 02`,
  'hint-handoff': `42 ac02 04 02 ${GOLDEN} ${GOLDEN}`,
  'hint-handoff-reply': '43 ac02 04',
}

const numbers = fc.maxSafeNat()
const bytes = fc.uint8Array({ maxLength: 40 })
const targets = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((id) => Buffer.from(id).toString('hex') as NodeId)
const hints: fc.Arbitrary<HandedHint> = fc.record({
  partition: fc.nat(4095).map((n) => n as PartitionId),
  key: bytes,
  record: bytes,
  base: bytes,
})

export const hintMessages: fc.Arbitrary<HintMessage> = fc.oneof(
  fc.tuple(numbers, numbers, targets, hints).map(([n, layoutVersion, to, hint]): HintMessage => ({
    ...{ type: 'hint', request: n, layoutVersion, target: to, ...hint },
  })),
  fc.record({
    type: fc.constant('hint-reply' as const),
    request: numbers,
    target: targets,
    outcome: fc.constantFrom(
      ...(['stored', 'full', 'stale-layout', 'malformed', 'store-failed'] as const),
    ),
  }),
  fc.record({
    type: fc.constant('hint-handoff' as const),
    request: numbers,
    layoutVersion: numbers,
    hints: fc.array(hints, { maxLength: 5 }),
  }),
  fc.record({
    type: fc.constant('hint-handoff-reply' as const),
    request: numbers,
    outcome: fc.constantFrom(
      ...(['stored', 'stale-layout', 'not-replica', 'busy', 'store-failed'] as const),
    ),
  }),
)
