/** Which pages of the reference have parts that are written by a program, and by which. */
import { cliPage } from './cli.ts'
import { configurationPage } from './configuration.ts'
import { errorsPage } from './errors.ts'
import { httpPage } from './http.ts'
import { metricsPage } from './metrics.ts'

/** By path from the root of the repository: the page as it is becomes the page as it should be. */
export const PAGES: Readonly<Record<string, (page: string) => string>> = {
  'docs/reference/cli.md': cliPage,
  'docs/reference/configuration.md': configurationPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/http.md': httpPage,
  'docs/reference/metrics.md': metricsPage,
}
