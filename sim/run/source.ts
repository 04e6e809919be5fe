/** What the source of a run's scenario stands for, and how to name it on a command line. */
import { scenarioNamed } from '../scenarios/all.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import type { SwarmOptions } from '../scenarios/swarm.ts'
import { swarmScenario } from '../scenarios/swarm.ts'
import type { Job, Source } from './job.ts'
import { scenarioFromData } from './scenario-data.ts'

/** The scenario of a run; whoever made the source has seen to it that there is one. */
export function scenarioOf(source: Source, seed: number): Scenario {
  switch (source.type) {
    case 'named': {
      const scenario = scenarioNamed(source.name)
      if (scenario === undefined) throw new Error(`no scenario ${source.name}`)
      return source.nodes === undefined ? scenario : withNodes(scenario, source.nodes)
    }
    case 'swarm':
      return swarmScenario(seed, optionsOf(source))
    case 'file': {
      const scenario = scenarioFromData(source.scenario)
      if (typeof scenario === 'string') throw new Error(`${source.path}: ${scenario}`)
      return scenario
    }
  }
}

/** The name of a source where there is no run to say it. */
export function nameOf(source: Source): string {
  if (source.type === 'named') return source.name
  return source.type === 'swarm' ? 'swarm' : source.scenario.name
}

/** As many nodes; those that join later are as many as before, as far as there are any left. */
export function withNodes(scenario: Scenario, nodes: number): Scenario {
  const joining = scenario.nodes - scenario.born
  return { ...scenario, nodes, born: Math.max(1, nodes - joining) }
}

/** The arguments that run a job again, exactly. */
export function replayArguments(job: Job): readonly string[] {
  const { source, seed, mutant } = job
  return [
    ...sourceArguments(source),
    `--seed ${seed}`,
    ...(mutant === undefined ? [] : [`--mutant ${mutant}`]),
  ]
}

function sourceArguments(source: Source): readonly string[] {
  if (source.type === 'file') return [`--scenario-file ${source.path}`]
  const nodes = source.nodes === undefined ? [] : [`--nodes ${source.nodes}`]
  if (source.type === 'named') return [`--scenario ${source.name}`, ...nodes]
  const { faultMs } = source
  const seconds = faultMs === undefined ? [] : [`--fault-seconds ${faultMs / 1000}`]
  return ['--swarm', ...nodes, ...seconds]
}

function optionsOf({ nodes, faultMs }: Source & { readonly type: 'swarm' }): SwarmOptions {
  return {
    ...(nodes === undefined ? {} : { nodes }),
    ...(faultMs === undefined ? {} : { faultMs }),
  }
}
