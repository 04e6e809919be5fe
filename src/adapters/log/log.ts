/**
 * The log: one JSON line for each event (`time level msg node cluster …`), or coloured lines for a
 * person at a terminal.
 *
 * Written synchronously: a node that stops on a broken invariant must not lose the line that says
 * why, and there are few lines, since nothing is logged for each request.
 */
import { destination as fileDestination, pino, stdSerializers, stdTimeFunctions } from 'pino'
import type { DestinationStream, Level, Logger } from 'pino'
import { build as pretty } from 'pino-pretty'
import type { Log } from '../../runtime/ports.ts'

export type LogLevel = 'error' | 'info' | 'debug'

export interface LogOptions {
  readonly level: LogLevel
  /** Who speaks. The cluster may become known later: see {@link NodeLog.with}. */
  readonly node: string
  readonly cluster?: string
  /** Where to: standard error unless something else is given. */
  readonly destination?: DestinationStream
}

type Fields = Readonly<Record<string, unknown>>

export class NodeLog implements Log {
  readonly #logger: Logger

  private constructor(logger: Logger) {
    this.#logger = logger
  }

  static open(options: LogOptions): NodeLog {
    const { level, node, cluster } = options
    const base = cluster === undefined ? { node } : { node, cluster }
    return new NodeLog(
      pino(
        {
          level,
          base,
          timestamp: stdTimeFunctions.isoTime,
          formatters: { level: (label: string) => ({ level: label }) },
          serializers: { error: stdSerializers.err },
        },
        options.destination ?? standardError(),
      ),
    )
  }

  /** The same log with more fields on every line; it has a level of its own. */
  with(fields: Fields): NodeLog {
    return new NodeLog(this.#logger.child(fields))
  }

  get level(): LogLevel {
    return this.#logger.level as LogLevel
  }

  /** While the node runs. */
  setLevel(level: LogLevel): void {
    this.#logger.level = level satisfies Level
  }

  error(message: string, fields?: Fields): void {
    this.#logger.error(fields, message)
  }

  info(message: string, fields?: Fields): void {
    this.#logger.info(fields, message)
  }

  debug(message: string, fields?: Fields): void {
    this.#logger.debug(fields, message)
  }
}

const STANDARD_ERROR = 2

function standardError(): DestinationStream {
  const stream = process.stderr.isTTY
    ? pretty({
        colorize: true,
        sync: true,
        destination: STANDARD_ERROR,
        translateTime: 'HH:MM:ss.l',
      })
    : fileDestination({ dest: STANDARD_ERROR, sync: true })
  // Whoever read our lines may end before us; a node must not stop because nobody listens.
  stream.on('error', () => {})
  return stream
}
