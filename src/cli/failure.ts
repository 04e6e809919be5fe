/**
 * How a command fails: one line that says what happened, one that says what to do, and an exit
 * code: 1 failed, 2 wrong use, 3 nobody knows whether the write is stored. A stack trace is for us
 * and not for the user: only with DND_DEBUG.
 */
import { CommanderError } from 'commander'
import { DndClientError } from '../../packages/client/src/error.ts'
import { errorAdvice } from '../server/error-advice.ts'

export type CliExit = 1 | 2 | 3

export interface CliFailureFields {
  readonly code: string
  readonly message: string
  /** What to do; where nothing better is known, the table of errors says it. */
  readonly advice?: string | undefined
  readonly exit?: CliExit | undefined
  readonly cause?: unknown
}

export class CliFailure extends Error {
  override readonly name = 'CliFailure'
  readonly code: string
  readonly advice: string | undefined
  readonly exit: CliExit | undefined

  constructor(fields: CliFailureFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = fields.code
    this.advice = fields.advice
    this.exit = fields.exit
  }
}

/** The caller's mistake. */
export function usage(message: string, advice?: string): CliFailure {
  return new CliFailure({ code: 'DND_ERR_USAGE', message, advice, exit: 2 })
}

/** A file that is not what it should be, or not there. */
export function badFile(message: string, advice?: string, cause?: unknown): CliFailure {
  return new CliFailure({ code: 'DND_ERR_BAD_FILE', message, advice, cause })
}

export interface FailureReport {
  readonly code: string
  readonly message: string
  readonly advice: string | undefined
  readonly outcome?: 'rejected' | 'unknown'
  readonly needed?: number
  readonly got?: number
  readonly exit: number
}

/** Why a node does not start is told with the way out, for those who embed one as well. */
const SAYS_WHAT_TO_DO = /^DND_ERR_(?:BAD_CONFIG|PORT_IN_USE|ADDRESS_UNAVAILABLE|DATA_[A-Z_]+)$/

/** Whatever was thrown, as it is told. */
export function reportOf(error: unknown): FailureReport {
  if (error instanceof CommanderError) return commanderReport(error)
  if (error instanceof DndClientError) return clientReport(error)
  const { code, message, advice, exit } = (
    error instanceof Error ? error : { message: String(error) }
  ) as Partial<CliFailure>
  const text = message ?? 'unknown failure'
  const ours = error instanceof CliFailure || code?.startsWith('DND_ERR_') === true
  if (!ours || code === undefined) {
    const system = systemCode(error)
    if (system !== undefined) return systemReport(system, text)
    return {
      code: 'DND_ERR_INTERNAL',
      message: text,
      advice: 'This should not happen: run it again with DND_DEBUG=1 and report what it prints.',
      exit: 1,
    }
  }
  const known = errorAdvice(code, undefined)
  const help = SAYS_WHAT_TO_DO.test(code) ? undefined : known?.help
  return { code, message: text, advice: advice ?? help, exit: exit ?? known?.exit ?? 1 }
}

/** Of an error that the operating system gave, or that explains one. */
function systemCode(error: unknown): string | undefined {
  for (const each of [error, (error as { cause?: unknown } | undefined)?.cause]) {
    const { code, syscall } = (each ?? {}) as NodeJS.ErrnoException
    if (code !== undefined && syscall !== undefined) return code
  }
  return undefined
}

function systemReport(system: string, message: string): FailureReport {
  const code =
    system === 'EADDRINUSE'
      ? 'DND_ERR_PORT_IN_USE'
      : system === 'EADDRNOTAVAIL'
        ? 'DND_ERR_ADDRESS_UNAVAILABLE'
        : 'DND_ERR_INTERNAL'
  const advice =
    code === 'DND_ERR_INTERNAL'
      ? `The operating system refused it (${system}): check paths, permissions and free space.`
      : errorAdvice(code, undefined)?.help
  return { code, message, advice, exit: 1 }
}

function clientReport(error: DndClientError): FailureReport {
  const known = errorAdvice(error.code, error.outcome)
  const counted = error.needed !== undefined && error.got !== undefined
  return {
    code: error.code,
    message: counted
      ? `${error.message} (needed ${error.needed}, got ${error.got})`
      : error.message,
    advice: clientAdvice(error) ?? known?.help,
    outcome: error.outcome,
    ...(counted ? { needed: error.needed, got: error.got } : {}),
    exit: error.outcome === 'unknown' ? 3 : (known?.exit ?? 1),
  }
}

function clientAdvice(error: DndClientError): string | undefined {
  if (error.code === 'DND_ERR_UNREACHABLE')
    return 'Start a cluster with "dnd demo", or say where one is: --server URL, or DND_SERVER.'
  if (error.outcome === 'unknown' && error.code !== 'DND_ERR_LAYOUT_UNAVAILABLE')
    return 'The write may be stored. Read the key before you write again.'
  return undefined
}

/** "error: unknown option '--prot'\n(Did you mean --port?)" in our words. */
function commanderReport(error: CommanderError): FailureReport {
  const [what = '', hint] = error.message.replace(/^error: /, '').split('\n')
  const meant = /^\(Did you mean (.*)\?\)$/.exec(hint ?? '')?.[1]
  return {
    code: 'DND_ERR_USAGE',
    message: what,
    advice: meant === undefined ? undefined : `Did you mean ${meant}?`,
    exit: 2,
  }
}
