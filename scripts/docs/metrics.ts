/** `metrics.md`: the tables of metrics, as the registry has them. */
import { Metrics } from '../../src/adapters/metrics/metrics.ts'
import { arrange, blocksOf, fill, prose, rowNames, table } from './page.ts'

export function metricsPage(page: string): string {
  const metrics = new Map(
    new Metrics({ version: 'any', process: false }).describe().map((one) => [one.name, one]),
  )
  const had = new Map(blocksOf(page).map(({ name, content }) => [name, rowNames(content)]))
  const arranged = arrange(had, [...metrics.keys()], (name) => name.split('_'))
  const contents = [...arranged].map(([block, names]) => {
    const rows = names.map((name) => {
      const { type, labels, help } = metrics.get(name)!
      return [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), prose(help)]
    })
    return [block, table(['Name', 'Type', 'Labels', 'Meaning'], rows)] as const
  })
  return fill(page, new Map(contents))
}
