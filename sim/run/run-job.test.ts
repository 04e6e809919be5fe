import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Instant } from '../../src/core/std/instant.ts'
import { NEVER } from '../../src/core/std/instant.ts'
import { fakeNodes } from '../fake-node.ts'
import type { Job } from './job.ts'
import { runJob } from './run-job.ts'
import { nameOf, replayArguments, scenarioOf } from './source.ts'

function job(more: Partial<Job> = {}): Job {
  const source = { type: 'named', name: 'crash-restart', nodes: undefined } as const
  return { source, seed: 1, mutant: undefined, twice: false, told: true, ...more }
}

test('nodes that are not the same twice fail the determinism gate, which shows where', () => {
  let ticks = 0
  const { create } = fakeNodes((node, event, { instant }, effects) => {
    if (event.type === 'start') {
      node.deadline = (instant + 10) as Instant
      return
    }
    node.deadline = NEVER
    // There are three nodes: the fourth is the first of the second run.
    if (++ticks > 3) effects.push({ type: 'note', note: { type: 'ready' } })
  })
  const result = runJob(job({ twice: true }), { create })
  assert.equal(result.violation?.checker, 'determinism')
  assert.match(result.violation.message, /traces [0-9a-f]{16} and [0-9a-f]{16}/)
  assert.match(result.report, /broken: determinism\ntwo runs of this seed are not the same/)
  assert.match(result.report, /replay: npm run sim -- --scenario crash-restart --seed 1 --twice\n/)
})

test('what the simulator itself throws is a failure of the seed, with its stack', () => {
  const create = (): never => {
    throw new Error('no node today')
  }
  const result = runJob(job(), { create })
  assert.equal(result.violation?.checker, 'exception')
  assert.match(result.violation.message, /no node today\n +at /)
  assert.match(result.report, /replay: npm run sim -- --scenario crash-restart --seed 1\n/)
})

test('another number of nodes keeps the number of those that join', () => {
  const trouble = scenarioOf({ type: 'named', name: 'trouble', nodes: 7 }, 1)
  assert.deepEqual([trouble.nodes, trouble.born], [7, 5])
  const alone = scenarioOf({ type: 'named', name: 'trouble', nodes: 1 }, 1)
  assert.deepEqual([alone.nodes, alone.born], [1, 1])
})

test('the replay of a job names everything that made it', () => {
  const swarm = { type: 'swarm', nodes: 5, faultMs: 60_000 } as const
  assert.deepEqual(replayArguments(job({ source: swarm, mutant: 'no-read-repair' })), [
    '--swarm',
    '--nodes 5',
    '--fault-seconds 60',
    '--seed 1',
    '--mutant no-read-repair',
  ])
  const named = { type: 'named', name: 'join', nodes: 4 } as const
  assert.deepEqual(replayArguments(job({ source: named })), [
    '--scenario join',
    '--nodes 4',
    '--seed 1',
  ])
  assert.equal(nameOf(swarm), 'swarm')
})
