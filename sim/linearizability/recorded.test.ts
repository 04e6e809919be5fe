import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { container, context, dot, HandMade, version } from '../checkers/hand-made.ts'
import { crashRestart } from '../scenarios/crash-restart.ts'
import { runScenario } from '../scenarios/run.ts'
import { checkByKey } from './by-key.ts'
import { explain } from './explain.ts'
import { recordedCalls } from './recorded.ts'
import { REGISTER } from './register.ts'

const OLD = container([version(0, dot(1, 1), 10)], dot(1, 1))

describe('a recorded history as operations on registers', () => {
  test('keeps what happened or may have, and leaves out what did not', () => {
    const story = new HandMade('lww')
      .write(0, { invoked: 0, context: context(10, dot(1, 1)) })
      .write(1, { invoked: 2, outcome: 'fail' })
      .write(2, { kind: 'delete', invoked: 4, outcome: 'unknown' })
      .get(3, { invoked: 5, returned: 6, container: OLD })
      .get(4, { invoked: 7, returned: 8, container: container([]) })
    const calls = recordedCalls(story.evidence().operations)
    assert.deepEqual(
      calls.map(({ key, input, output, returned }) => ({ key, input, output, returned })),
      [
        {
          key: 'b/k',
          input: { type: 'write', value: 'op0' },
          output: { type: 'written' },
          returned: 1,
        },
        {
          key: 'b/k',
          input: { type: 'write', value: undefined },
          output: 'unknown',
          returned: Infinity,
        },
        {
          key: 'b/k',
          input: { type: 'read' },
          output: { type: 'read', value: 'op0' },
          returned: 6,
        },
        {
          key: 'b/k',
          input: { type: 'read' },
          output: { type: 'read', value: undefined },
          returned: 8,
        },
      ],
    )
    assert.deepEqual(checkByKey(REGISTER, calls), { type: 'linearizable' })
  })

  test('leaves out buckets that show siblings, which are no registers', () => {
    const story = new HandMade('siblings').write(0, { invoked: 0 })
    assert.deepEqual(recordedCalls(story.evidence().operations), [])
  })

  test('shows a stale read for what it is', () => {
    const story = new HandMade('lww')
      .write(0, { invoked: 0, w: 1 })
      .write(1, { invoked: 2, w: 1 })
      .get(2, { invoked: 4, returned: 5, r: 1, container: OLD })
    const verdict = checkByKey(REGISTER, recordedCalls(story.evidence().operations))
    assert.ok(verdict.type === 'not-linearizable')
    assert.match(explain(verdict.refusal), /^cannot be placed: #2 read → op0/)
  })
})

test('histories of simulated runs are judged, and eventual buckets are not linearizable', () => {
  const verdicts = new Map<string, number>()
  for (const seed of [1, 2]) {
    const { world, violation } = runScenario(crashRestart, seed)
    assert.equal(violation, undefined)
    const calls = recordedCalls(world.history.operations)
    assert.ok(calls.length > 200)
    const { type } = checkByKey(REGISTER, calls)
    verdicts.set(type, (verdicts.get(type) ?? 0) + 1)
  }
  // No claim of ours: reads of one replica are stale now and then, and nobody is told wrong.
  assert.ok((verdicts.get('not-linearizable') ?? 0) > 0, [...verdicts.keys()].join())
})
