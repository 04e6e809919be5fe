/** Runs a command line in this process with streams and surroundings of its own. */
import { tmpdir } from 'node:os'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import type { CliContext } from '../../src/cli/context.ts'
import { run } from '../../src/cli/program.ts'
import { Terminal } from '../../src/cli/terminal.ts'

export interface CliOptions {
  readonly server?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string | Uint8Array
  readonly tty?: boolean
  /** Whether what is typed comes from a terminal. */
  readonly inputTty?: boolean
  /** Of the terminal; 80 when left out. */
  readonly columns?: number
}

export interface CliResult {
  readonly code: number
  readonly out: string
  readonly bytes: Buffer
  readonly err: string
}

export interface RunningCli {
  readonly done: Promise<CliResult>
  /** As Ctrl-C does. */
  interrupt(): void
}

class Collector extends Writable {
  readonly chunks: Buffer[] = []
  readonly isTTY: boolean
  readonly columns: number | undefined

  constructor(isTTY: boolean, columns: number | undefined) {
    super()
    this.isTTY = isTTY
    this.columns = columns
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk))
    done()
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const out = new Collector(options.tty === true, options.columns)
  const err = new Collector(false, undefined)
  const env: Record<string, string> = { ...options.env }
  if (options.server !== undefined) env['DND_SERVER'] = options.server
  const listeners = new Set<() => void>()
  const context: CliContext = {
    out: new Terminal(out, env),
    err: new Terminal(err, env),
    input: Object.assign(
      Readable.from(options.input === undefined ? [] : [Buffer.from(options.input)]),
      { isTTY: options.inputTty === true },
    ),
    env,
    cwd: options.cwd ?? tmpdir(),
    onInterrupt(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onHangup: () => () => undefined,
    exitCode: 0,
  }
  return {
    done: run(args, context).then((code) => ({
      code,
      out: out.bytes.toString(),
      bytes: out.bytes,
      err: err.bytes.toString(),
    })),
    interrupt() {
      for (const listener of listeners) listener()
    },
  }
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).done
}

/** A directory that `remove` takes away again. */
export function scratch(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'dnd-test-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
