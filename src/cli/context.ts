/** The world as a command sees it; tests give another. */
import type { Readable } from 'node:stream'
import type { Terminal } from './terminal.ts'

export interface CliContext {
  readonly out: Terminal
  readonly err: Terminal
  readonly input: Readable
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /**
   * Calls back once, on Ctrl-C or SIGTERM, until the returned function is called; a second signal
   * ends the process, as the first does without a listener.
   */
  readonly onInterrupt: (listener: () => void) => () => void
  /**
   * Calls back at every SIGHUP, until the returned function is called. On a terminal never: there
   * the signal says that the terminal is gone, and ends the process.
   */
  readonly onHangup: (listener: () => void) => () => void
  /** Of a command that ends without throwing. */
  exitCode: number
}
