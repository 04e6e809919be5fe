#!/usr/bin/env node
/** `dnd`: the command line of the process that was started. */
import process from 'node:process'
import type { CliContext } from './context.ts'
import { run } from './program.ts'
import { Terminal } from './terminal.ts'

// A reader that has seen enough (`dnd list --all | head`) closes the pipe: that is the end, and no
// failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})
// Nobody is left to be told.
process.stderr.on('error', () => undefined)

/**
 * npm passes Ctrl-C on to a process that the terminal has told already: signals that close together
 * are one.
 */
const SAME_SIGNAL_MS = 300

/** The first signal asks, a later one does not: it ends the process. */
function onInterrupt(listener: () => void): () => void {
  let askedMs: number | undefined
  const heard = (signal: NodeJS.Signals): void => {
    const now = Date.now()
    if (askedMs === undefined) listener()
    else if (now - askedMs > SAME_SIGNAL_MS) process.exit(signal === 'SIGTERM' ? 143 : 130)
    askedMs ??= now
  }
  // Ctrl-C reaches every process of the terminal. One that was started over a channel waits for
  // what its starter decides.
  const ignored = (): void => undefined
  const onSigint = process.connected ? ignored : heard
  process.on('SIGINT', onSigint)
  process.on('SIGTERM', heard)
  return () => {
    process.off('SIGINT', onSigint)
    process.off('SIGTERM', heard)
  }
}

function onHangup(listener: () => void): () => void {
  if (process.stdin.isTTY) return () => undefined
  process.on('SIGHUP', listener)
  return () => process.off('SIGHUP', listener)
}

const context: CliContext = {
  out: new Terminal(process.stdout, process.env),
  err: new Terminal(process.stderr, process.env),
  input: process.stdin,
  env: process.env,
  cwd: process.cwd(),
  onInterrupt,
  onHangup,
  exitCode: 0,
}

// Not process.exit: what was written must still reach a slow reader.
process.exitCode = await run(process.argv.slice(2), context)
