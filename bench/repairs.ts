/** What the benchmarks ask of running nodes besides data: to repair, and how far that has come. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from './load.ts'

const LOOK_EVERY_MS = 250

interface Progress {
  readonly runs: readonly { readonly finishedAt?: string; readonly received: number }[]
  readonly active: number
  readonly treesMissing: number
}

/** Every node begins to compare all that it holds with the others. */
export async function beginRepair(targets: readonly Target[]): Promise<void> {
  for (const target of targets) {
    const response = await fetch(`${urlOf(target)}/repair`, { method: 'POST' })
    if (response.status !== 202) throw new Error(`/repair answers ${response.status}`)
  }
}

/**
 * Resolves when no node has a repair under way, and none has anything left to do in the background.
 */
export async function whenRepaired(targets: readonly Target[], withinMs: number): Promise<void> {
  for (const until = performance.now() + withinMs; performance.now() < until;) {
    const busy = await Promise.all(targets.map((target) => isBusy(target)))
    if (!busy.includes(true)) return
    await sleep(LOOK_EVERY_MS)
  }
  throw new Error(`the repair did not end within ${withinMs / 1_000} seconds`)
}

async function isBusy(target: Target): Promise<boolean> {
  const response = await fetch(`${urlOf(target)}/repair`)
  const { runs, treesMissing } = (await response.json()) as Progress
  if (treesMissing > 0 || runs.some(({ finishedAt }) => finishedAt === undefined)) return true
  return (await metric([target], 'dnd_hints_bytes')) > 0
}

/** Sum over the nodes of a metric; with `labels`, as a scrape writes them, of one series. */
export async function metric(
  targets: readonly Target[],
  name: string,
  labels = '',
): Promise<number> {
  let sum = 0
  for (const target of targets) {
    const text = await (await fetch(`${urlOf(target)}/metrics`)).text()
    for (const line of text.split('\n'))
      if (line.startsWith(`${name}${labels === '' ? ' ' : `{${labels}} `}`))
        sum += Number(line.slice(line.lastIndexOf(' ') + 1))
  }
  return sum
}

function urlOf({ host, port }: Target): string {
  return `http://${host}:${port}`
}
