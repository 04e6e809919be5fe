/** What the node has to say, said by the logger of the app that it is a part of. */
import type { Log } from '../../runtime/ports.ts'

/**
 * Where a node within an app logs: pino's own shape, fields before the message, so that a pino
 * logger or a child of one can be given as it is. Nothing is logged for each request.
 */
export interface NodeLogger {
  /** Somebody must look. */
  error(fields: Readonly<Record<string, unknown>>, message: string): void
  /** Something has changed. */
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  debug(fields: Readonly<Record<string, unknown>>, message: string): void
}

type Fields = Readonly<Record<string, unknown>>
type Level = 'error' | 'info' | 'debug'

export class AppLog implements Log {
  readonly #logger: NodeLogger
  readonly #name: string

  constructor(logger: NodeLogger, name: string) {
    this.#logger = logger
    this.#name = name
  }

  error(message: string, fields?: Fields): void {
    this.#say('error', message, fields)
  }

  info(message: string, fields?: Fields): void {
    this.#say('info', message, fields)
  }

  debug(message: string, fields?: Fields): void {
    this.#say('debug', message, fields)
  }

  #say(level: Level, message: string, { error, ...fields }: Fields = {}): void {
    // pino and others know an error by this name.
    const err = error === undefined ? {} : { err: error }
    try {
      this.#logger[level]({ node: this.#name, ...fields, ...err }, message)
    } catch {
      // A node does not end because nobody can be told of it.
    }
  }
}

export const SILENT: Log = {
  error: () => undefined,
  info: () => undefined,
  debug: () => undefined,
}
