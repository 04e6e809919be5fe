/**
 * Checks properties of the code itself: who imports whom, what words and constructs are banned,
 * sizes. What the compiler, the linter and the formatter can say is left to them, and what the
 * documents name to documents.test.ts.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'

const ROOT = process.env['TIDY_ROOT'] ?? process.cwd()

/**
 * A layer may import itself and what is listed; anything else is a break in the house. Longest
 * prefix wins.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'src/core/std': [],
  'src/core/versions': ['src/core/std'],
  'src/core/placement': ['src/core/std'],
  'src/core/membership': ['src/core/std'],
  'src/core/consensus': ['src/core/std'],
  'src/core/coordinator': [
    'src/core/std',
    'src/core/versions',
    'src/core/placement',
    'src/core/ports.ts',
  ],
  'src/core/repair': [
    'src/core/std',
    'src/core/versions',
    'src/core/placement',
    'src/core/ports.ts',
  ],
  'src/core/wire': ['src/core'],
  'src/core/node': ['src/core'],
  'src/core/ports.ts': ['src/core/std'],
  'src/core/errors.ts': ['src/core/std', 'src/core/errors'],
  'src/core/errors': [],
  'src/core': [],
  'src/runtime': ['src/core'],
  'src/adapters': ['src/core', 'src/runtime'],
  'src/server': ['src/core', 'src/runtime', 'src/adapters', 'src/server/embedded'],
  'src/server/embedded': [
    'src/core',
    'src/runtime',
    'src/adapters',
    'src/server',
    'packages/client',
  ],
  'src/cli': ['src/server', 'packages/client'],
  'src/index.ts': ['src/server', 'src/core', 'packages/client'],
  'packages/client': [],
  'packages/dashboard': ['packages/client/src/api.ts', 'packages/client/src/explain.ts'],
  sim: ['src/core', 'src/runtime'],
  'sim/testkit': ['sim', 'src/core', 'packages/client'],
  bench: ['src', 'packages/client'],
}

/** The one part of the packages that browsers never load. */
const NODE_ONLY = 'packages/client/src/node'

const LAYERS = Object.keys(ALLOWED).toSorted((a, b) => b.length - a.length)

const IMPORT =
  /^\s*(?:import|export)\b(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm

/** Banned everywhere in sources, with what to do instead. */
const BANNED: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(?:TODO|FIXME|XXX|HACK)\b/, 'finish it or open an issue'],
  [/^\s*(?:export )?(?:const )?enum /m, 'a union of string literals'],
  [/@ts-(?:ignore|nocheck)/, 'fix the type'],
  [
    /\bfor now\b|\bsimplified\b|\bnot implemented\b/i,
    'finish it, or say what is missing at run time',
  ],
]

/** Banned in src/core only; the compiler sees the rest. */
const BANNED_IN_CORE: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\basync\b|\bawait\b/, 'events and effects'],
  [/\bglobalThis\b|\beval\(|\bnew Function\(/, 'nothing'],
]

/** Synonyms that the glossary rules out in identifiers and prose of the code. */
const SYNONYMS: readonly (readonly [pattern: RegExp, word: string])[] = [
  [/\bshards?\b/i, 'partition'],
  [/\bvector clock\b/i, 'version vector'],
  [/\brebalanc/i, 'transfer'],
  [/\bunreachable member/i, 'dead'],
  [/\bManager\b|\bUtils?\b/, 'a noun of what it is'],
]

const FILE_LINES_MAX = 500
/** Of comments; the formatter sees to the code, and an address cannot be broken. */
const COMMENT_COLUMNS_MAX = 100
const COMMENT_LINE = /^\s*(?:\/\/|\/?\*)/

function* files(folder: string, ending: string): Generator<string> {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (['node_modules', 'dist', 'dnd-data'].includes(entry.name) || entry.name.startsWith('.'))
      continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* files(path, ending)
    else if (path.endsWith(ending)) yield path
  }
}

function sources(): { file: string; text: string }[] {
  return ['src', 'packages', 'sim', 'bench']
    .flatMap((folder) => [...files(join(ROOT, folder), '.ts')])
    .filter((path) => !path.endsWith('.d.ts'))
    .map((path) => ({ file: relative(ROOT, path), text: readFileSync(path, 'utf8') }))
}

const isTest = (file: string): boolean => file.endsWith('.test.ts')
const layerOf = (file: string): string | undefined =>
  LAYERS.find((layer) => file === layer || file.startsWith(`${layer}/`))
const isWithin = (file: string, layer: string): boolean =>
  file === layer || file.startsWith(`${layer}/`)

function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '')
}

/** Code without comments and strings, roughly: enough for a word search. */
function codeOf(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/(^|\s)\/\/.*$/gm, '')
    .replaceAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")
}

test('layers import only inward, and adapters never each other', () => {
  const breaks: string[] = []
  for (const { file, text } of sources()) {
    const from = layerOf(file)
    if (from === undefined || isTest(file)) continue
    for (const specifier of importsOf(text)) {
      if (!specifier.startsWith('.')) {
        if (isWithin(file, NODE_ONLY) && specifier.startsWith('node:')) continue
        if (
          isWithin(file, 'src/core') ||
          isWithin(file, 'src/runtime') ||
          isWithin(file, 'packages')
        )
          breaks.push(`${file} imports '${specifier}'`)
        continue
      }
      const target = normalize(join(dirname(file), specifier))
      const allowed = ALLOWED[from]?.some((layer) => isWithin(target, layer)) ?? false
      if (!isWithin(target, from) && !allowed) breaks.push(`${file} → ${target}`)
      if (
        from === 'src/adapters' &&
        isWithin(target, from) &&
        target.split('/')[2] !== file.split('/')[2]
      )
        breaks.push(`${file} → ${target} (an adapter of another thing)`)
    }
  }
  assert.deepEqual(breaks, [])
})

test('banned words and constructs are absent', () => {
  const found: string[] = []
  for (const { file, text } of sources()) {
    if (isTest(file)) continue
    for (const [pattern, instead] of BANNED)
      if (pattern.test(text))
        found.push(`${file}: ${pattern.exec(text)![0].trim()} (instead: ${instead})`)
    for (const [pattern, word] of SYNONYMS)
      if (pattern.test(text))
        found.push(`${file}: ${pattern.exec(text)![0]} (the glossary says: ${word})`)
    if (!isWithin(file, 'src/core')) continue
    const code = codeOf(text)
    for (const [pattern, instead] of BANNED_IN_CORE)
      if (pattern.test(code))
        found.push(`${file}: ${pattern.exec(code)![0]} in core (instead: ${instead})`)
  }
  assert.deepEqual(found, [])
})

test('no test is skipped, exclusive or empty', () => {
  const found = ['src', 'packages', 'sim', 'bench', 'test']
    .flatMap((folder) => [...files(join(ROOT, folder), '.test.ts')])
    .filter((path) => !path.endsWith('tidy.test.ts'))
    .filter((path) =>
      /\b(?:test|it|suite|describe)\.(?:only|todo)\b|assert\.ok\(true\)/.test(
        readFileSync(path, 'utf8'),
      ),
    )
  assert.deepEqual(found, [])
})

test('no file is longer than a person can hold', () => {
  const long = sources()
    .filter(({ file, text }) => !isTest(file) && text.split('\n').length > FILE_LINES_MAX)
    .map(({ file }) => file)
  assert.deepEqual(long, [])
})

test('no comment is wider than the page', () => {
  const wide: string[] = []
  for (const path of ['src', 'packages', 'sim', 'bench', 'test'].flatMap((folder) => [
    ...files(join(ROOT, folder), '.ts'),
  ]))
    for (const [i, line] of readFileSync(path, 'utf8').split('\n').entries())
      if (line.length > COMMENT_COLUMNS_MAX && COMMENT_LINE.test(line) && !line.includes('://'))
        wide.push(`${relative(ROOT, path)}:${i + 1}`)
  assert.deepEqual(wide, [])
})

test('every source file of the product says what it is for', () => {
  const bare = sources()
    .filter(({ file }) => isWithin(file, 'src') && !isWithin(file, 'src/cli') && !isTest(file))
    .filter(({ text }) => !/^(?:#!.*\n)?\/\*\*/.test(text))
    .map(({ file }) => file)
  assert.deepEqual(bare, [])
})

test('lock files have the optional packages of every platform, or npm ci refuses them', () => {
  const missing: string[] = []
  for (const path of files(ROOT, 'package-lock.json')) {
    const { packages } = JSON.parse(readFileSync(path, 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>
    }
    for (const { optionalDependencies = {} } of Object.values(packages))
      for (const name of Object.keys(optionalDependencies))
        if (packages[`node_modules/${name}`] === undefined)
          missing.push(`${relative(ROOT, path)}: ${name}`)
  }
  assert.deepEqual(missing, [])
})

test('lock files name no registry', () => {
  const named = [...files(ROOT, 'package-lock.json')].filter((path) =>
    readFileSync(path, 'utf8').includes('://registry'),
  )
  assert.deepEqual(named, [])
})
