/** `errors.md`: the tables of codes, one for each file of the table in `src/core/errors/`. */
import { ERRORS } from '../../src/core/errors.ts'
import { ACCESS_ERRORS } from '../../src/core/errors/access-errors.ts'
import { CLUSTER_ERRORS } from '../../src/core/errors/cluster-errors.ts'
import { COMMAND_ERRORS } from '../../src/core/errors/command-errors.ts'
import type { ErrorInfo } from '../../src/core/errors/error-info.ts'
import { LIMIT_ERRORS } from '../../src/core/errors/limit-errors.ts'
import { REQUEST_ERRORS } from '../../src/core/errors/request-errors.ts'
import { START_ERRORS } from '../../src/core/errors/start-errors.ts'
import { fill, prose, table } from './page.ts'

const PARTS: Readonly<Record<string, Readonly<Record<string, ErrorInfo>>>> = {
  requests: REQUEST_ERRORS,
  limits: LIMIT_ERRORS,
  cluster: CLUSTER_ERRORS,
  access: ACCESS_ERRORS,
  start: START_ERRORS,
  commands: COMMAND_ERRORS,
}

export function errorsPage(page: string): string {
  const parts = Object.values(PARTS).flatMap((part) => Object.keys(part))
  const missing = Object.keys(ERRORS).find((code) => !parts.includes(code))
  if (missing !== undefined)
    throw new Error(`${missing} is in no part that scripts/docs/errors.ts knows`)
  const contents = Object.entries(PARTS).map(([name, part]) => [name, rows(part)] as const)
  return fill(page, new Map(contents))
}

function rows(part: Readonly<Record<string, ErrorInfo>>): string {
  return table(
    ['Code', 'HTTP', 'exit', 'What happened', 'What to do'],
    Object.entries(part).map(([code, { status, exit, title, help }]) => [
      `\`${code}\``,
      String(status ?? '–'),
      String(exit),
      prose(title),
      prose(help),
    ]),
  )
}
