/** One run in this thread, told as it happens. */
import { writeFileSync } from 'node:fs'
import { resultLine } from '../report.ts'
import type { RunResult } from '../scenarios/run.ts'
import type { Print } from './batch.ts'
import { commit } from './commit.ts'
import type { Job } from './job.ts'
import type { Settings } from './options.ts'
import { runJob } from './run-job.ts'
import { scenarioOf } from './source.ts'
import type { StoryDetail } from './story.ts'
import { storyHeader, storyTeller } from './story.ts'

/** The exit code. */
export function tellStory(settings: Settings, detail: StoryDetail, print: Print): number {
  const { sources, firstSeed: seed, mutant, history } = settings
  const job: Job = { source: sources[0]!, seed, mutant, twice: false, told: true }
  const { name, about } = scenarioOf(job.source, seed)
  print(`${name}, seed ${seed}: ${about}\n`)
  print(storyHeader())
  const onEnd = ({ world }: RunResult): void => {
    if (history === undefined) return
    writeFileSync(
      history,
      world.history
        .lines()
        .map((line) => `${line}\n`)
        .join(''),
    )
  }
  const result = runJob(job, { listener: storyTeller(detail, print), onEnd })
  print(`\n${resultLine(result)}`)
  if (result.violation === undefined) return 0
  print(`commit: ${commit()}`)
  print(result.report)
  return 1
}
