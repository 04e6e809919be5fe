/**
 * The core cannot name a clock, a timer, a die or a file: shown by adding each to a copy of it and
 * watching the real compiler and the real linter, with the real configuration, refuse.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = process.cwd()
const BIN = join(ROOT, 'node_modules', '.bin')

/** A tree with the project's configuration and one file in its core. */
function withCoreFile<T>(source: string, run: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-boundary-'))
  try {
    mkdirSync(join(folder, 'src', 'core', 'std'), { recursive: true })
    for (const file of ['tsconfig.base.json', '.oxlintrc.json', 'src/core/tsconfig.json'])
      cpSync(join(ROOT, file), join(folder, file))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(folder, 'src', 'core', 'std', 'intruder.ts'), source)
    return run(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function compile(source: string): string {
  return withCoreFile(source, (folder) => {
    const run = spawnSync(join(BIN, 'tsc'), ['-p', join(folder, 'src', 'core'), '--noEmit'], {
      encoding: 'utf8',
    })
    return run.status === 0 ? '' : run.stdout
  })
}

function lint(source: string): string {
  return withCoreFile(source, (folder) => {
    const run = spawnSync(join(BIN, 'oxlint'), ['src'], { cwd: folder, encoding: 'utf8' })
    return run.status === 0 ? '' : run.stdout
  })
}

test('a core file that keeps the rules passes both', () => {
  const source =
    '/** Adds. */\nexport function add(a: number, b: number): number {\n  return a + b\n}\n'
  assert.equal(compile(source), '')
  assert.equal(lint(source), '')
})

test('the compiler refuses timers, node modules and every global of the host in the core', () => {
  const intruders = {
    setTimeout: 'setTimeout(() => undefined, 1)',
    queueMicrotask: 'queueMicrotask(() => undefined)',
    console: 'console.log(1)',
    process: 'export const e: unknown = process.env',
    Buffer: 'export const b: unknown = Buffer.alloc(1)',
    fetch: 'export const f: unknown = fetch',
    "'node:fs'": "import 'node:fs'",
    TextEncoder: 'export const t: unknown = new TextEncoder()',
  }
  for (const [name, source] of Object.entries(intruders)) {
    // A side-effect import of what does not exist is let through by the compiler's default; a named
    // one never is.
    const tried =
      name === "'node:fs'"
        ? "import { readFileSync } from 'node:fs'\nexport const r: unknown = readFileSync"
        : source
    assert.match(compile(tried), /error TS/, name)
  }
})

test('the linter refuses dates, dice, promises and the back door to all of them', () => {
  for (const source of [
    'export const now: number = Date.now()',
    'export const die: number = Math.random()',
    'export const later: unknown = Promise.resolve()',
    'export const door: unknown = globalThis',
  ])
    assert.match(lint(`/** Intruder. */\n${source}\n`), /no-restricted/, source)
})
