/** Messages of registers, with their bytes, and arbitrary ones. */
import fc from 'fast-check'
import type { RegisterMessage, RegisterOutcome } from '../consensus/messages.ts'
import { NO_BALLOT } from '../consensus/ballot.ts'
import type { NodeId } from '../std/ids.ts'

const node = 'a0a1a2a3a4a5a6a7' as NodeId
const request = 300
const ballot = { counter: 5, node, proposal: request }
const question = { request, key: 'layout/7', layoutVersion: 6, ballot }
const value = Uint8Array.of(9, 8)
const requests = [{ node, number: 300 }]
const NOTHING = { accepted: NO_BALLOT, value: new Uint8Array(0), requests: [] }

export const REGISTER_SAMPLES: Readonly<Record<string, RegisterMessage>> = {
  'register-prepare': { type: 'register-prepare', ...question },
  'register-promise': {
    ...{ type: 'register-promise', request, ballot, outcome: 'ok', greater: NO_BALLOT },
    ...{ accepted: { counter: 4, node, proposal: 200 }, value, requests },
  },
  'register-promise, conflict': {
    ...{ type: 'register-promise', request, ballot, outcome: 'conflict' },
    ...{ greater: { counter: 6, node, proposal: 2 }, ...NOTHING },
  },
  'register-accept': { type: 'register-accept', ...question, value, requests },
  'register-accepted': {
    ...{ type: 'register-accepted', request, ballot, outcome: 'ahead', greater: NO_BALLOT },
  },
}

export const REGISTER_GOLDEN: Readonly<Record<string, string>> = {
  'register-prepare': '58 ac02 086c61796f75742f37 06 05 a0a1a2a3a4a5a6a7 ac02',
  'register-promise':
    '59 ac02 05 a0a1a2a3a4a5a6a7 ac02 01 04 a0a1a2a3a4a5a6a7 c801 020908 01 a0a1a2a3a4a5a6a7 ac02',
  'register-promise, conflict': '59 ac02 05 a0a1a2a3a4a5a6a7 ac02 02 06 a0a1a2a3a4a5a6a7 02',
  'register-accept':
    '5a ac02 086c61796f75742f37 06 05 a0a1a2a3a4a5a6a7 ac02 020908 01 a0a1a2a3a4a5a6a7 ac02',
  'register-accepted': '5b ac02 05 a0a1a2a3a4a5a6a7 ac02 04',
}

const numbers = fc.nat(2 ** 31)
const nodes = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('') as NodeId)
const ballots = fc.record({ counter: numbers, node: nodes, proposal: numbers })
const questions = {
  request: numbers,
  key: fc.string({ maxLength: 20 }),
  layoutVersion: numbers,
  ballot: ballots,
}
const accepted = {
  value: fc.uint8Array({ maxLength: 40 }),
  requests: fc.array(fc.record({ node: nodes, number: numbers }), { maxLength: 16 }),
}
const outcomes = fc.constantFrom<RegisterOutcome>(
  ...(['ok', 'conflict', 'behind', 'ahead', 'refused', 'store-failed'] as const),
)
const is = <T extends string>(type: T): fc.Arbitrary<T> => fc.constant(type)

export const registerMessages: fc.Arbitrary<RegisterMessage> = fc.oneof(
  fc.record({ type: is('register-prepare'), ...questions }),
  fc.record({ type: is('register-accept'), ...questions, ...accepted }),
  fc
    .record({
      ...{ type: is('register-promise'), request: numbers, ballot: ballots, outcome: outcomes },
      ...{ greater: ballots, accepted: ballots, ...accepted },
    })
    .map((message) => ({
      ...message,
      ...(message.outcome === 'ok' ? {} : NOTHING),
      greater: message.outcome === 'conflict' ? message.greater : NO_BALLOT,
    })),
  fc
    .record({
      ...{ type: is('register-accepted'), request: numbers, ballot: ballots, outcome: outcomes },
      greater: ballots,
    })
    .map((message) => ({
      ...message,
      greater: message.outcome === 'conflict' ? message.greater : NO_BALLOT,
    })),
)
