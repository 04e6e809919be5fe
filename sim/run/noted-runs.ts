/**
 * Runs with their hashes as a file, so that another version of Node can show that they are the same
 * runs there.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Print } from './batch.ts'
import type { Job, Source } from './job.ts'
import type { Pool } from './pool.ts'
import { replayArguments } from './source.ts'

export interface NotedRun {
  readonly source: Source
  readonly seed: number
  readonly hash: string
}

interface NotedRuns {
  /** The version of Node. */
  readonly node: string
  readonly runs: readonly NotedRun[]
}

export function noteRuns(path: string, runs: readonly NotedRun[]): void {
  const noted: NotedRuns = { node: process.version, runs }
  writeFileSync(path, `${JSON.stringify(noted, undefined, 2)}\n`)
}

/** The exit code; that there is nothing to compare with is a failure as well. */
export async function compareWithNoted(path: string, pool: Pool, print: Print): Promise<number> {
  if (!existsSync(path)) {
    print(`FAIL: no ${path}, so nothing to compare with; run the simulation first`)
    return 1
  }
  const { node, runs } = JSON.parse(readFileSync(path, 'utf8')) as NotedRuns
  const expected = new Map(runs.map((run) => [jobOf(run), run.hash]))
  let failures = 0
  for await (const { job, result } of pool.all(expected.keys())) {
    if (result.hash === expected.get(job) && result.hash !== '') continue
    failures++
    const name = replayArguments(job).join(' ')
    print(`FAIL ${name}: trace ${expected.get(job)} on ${node}, ${result.hash} here`)
    print(result.report)
  }
  const verdict = failures === 0 ? 'all the same' : `FAIL: ${failures} are other runs`
  print(`${runs.length} runs of ${node} again on ${process.version}: ${verdict}`)
  return failures === 0 && runs.length > 0 ? 0 : 1
}

function jobOf({ source, seed }: NotedRun): Job {
  return { source, seed, mutant: undefined, twice: false, told: true }
}
