/**
 * What the documents name is there: files, headings, commands with their options, scripts, errors
 * and metrics.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import { commandsOf } from '../scripts/docs/cli.ts'
import { anchorOf } from '../scripts/docs/page.ts'
import { Metrics } from '../src/adapters/metrics/metrics.ts'
import { isErrorCode } from '../src/core/errors.ts'

const ROOT = process.cwd()
const SKIPPED = ['node_modules', 'dist', 'dnd-data']

interface Document {
  readonly file: string
  readonly text: string
}

const DOCUMENTS: readonly Document[] = [...files(ROOT)].map((path) => ({
  file: relative(ROOT, path),
  text: readFileSync(path, 'utf8'),
}))

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (SKIPPED.includes(entry.name) || entry.name.startsWith('.')) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* files(path)
    else if (path.endsWith('.md')) yield path
  }
}

const FENCE = /^ *```.*\n([\s\S]*?)^ *```$/gm
const withoutCode = (text: string): string => text.replaceAll(FENCE, '')

function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const [, heading] of withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)) {
    const anchor = anchorOf(heading!)
    let number = 0
    while (anchors.has(number === 0 ? anchor : `${anchor}-${number}`)) number++
    anchors.add(number === 0 ? anchor : `${anchor}-${number}`)
  }
  return anchors
}

function linkProblem({ file, text }: Document, target: string): string | undefined {
  if (/^(?:https?|mailto):/.test(target)) return undefined
  const [path, anchor] = target.split('#') as [string, string?]
  const place = join(ROOT, dirname(file), path)
  if (path !== '' && !existsSync(place)) return 'leads nowhere'
  if (path.endsWith('/') && !statSync(place).isDirectory()) return 'is no folder'
  if (anchor === undefined) return undefined
  const other = path === '' ? text : readFileSync(place, 'utf8')
  return anchorsOf(other).has(anchor) ? undefined : 'has no such heading'
}

/** Text that a shell would run: lines of blocks, and code within sentences. */
interface Snippet {
  readonly code: string
  /** Of a block: whole, so that what it needs must be there. */
  readonly isWhole: boolean
}

function snippetsOf(text: string): readonly Snippet[] {
  const blocks = [...text.matchAll(FENCE)].flatMap(([, block]) =>
    block!
      .replaceAll('\\\n', ' ')
      .split('\n')
      .map((line) => ({
        code: line.replace(/^ *\$ /, '').replace(/(^|\s)#.*$/, ''),
        isWhole: true,
      })),
  )
  const spans = [...withoutCode(text).matchAll(/`([^`\n]+)`/g)].map((match) => ({
    code: match[1]!,
    isWhole: false,
  }))
  return [...blocks, ...spans]
}

const START = /^(?:[A-Z_]+=\S+ )*(?:npx |npm run -s )?dnd(?: --)? +(.*)$/

/** Command lines of dnd, without `dnd`. */
function linesOf(code: string): readonly string[] {
  return code
    .split(/\s*(?:&&|\|\||[|;]|\$\(|\))\s*/)
    .flatMap((part) => START.exec(part.trim())?.[1] ?? [])
}

const COMMANDS: readonly { readonly words: readonly string[]; readonly command: Command }[] =
  commandsOf().flatMap(({ path, command }) => {
    const words = path.split(' ').slice(1)
    const others = command.aliases().map((alias) => [...words.slice(0, -1), alias])
    return [words, ...others].map((each) => ({ words: each, command }))
  })
const GROUPS = new Set(COMMANDS.flatMap(({ words }) => (words.length > 1 ? [words[0]!] : [])))

/** Looks like a command and is the purpose from which a key is derived. */
const NO_COMMANDS: readonly string[] = ['gossip']

/** Less redirections, and what help texts have in brackets. */
const wordsOf = (line: string): readonly string[] =>
  (line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).filter(
    (word) => !/^(?:\d?[<>]|\[)/.test(word),
  )

function commandProblem(line: string, isWhole: boolean): string | undefined {
  const words = wordsOf(line.replace(/\s\d?>.*$/, ''))
  const found = COMMANDS.find((one) => one.words.every((word, i) => word === words[i]))
  if (found === undefined) {
    const [first] = words
    // `dnd COMMAND --help`, `dnd keys`, `dnd --help`
    if (first === undefined || NO_COMMANDS.includes(first)) return undefined
    if (/^(?:[A-Z…]+|-.*|help)$/.test(first)) return undefined
    return words.length === 1 && GROUPS.has(first) ? undefined : 'is no command'
  }
  return argumentProblem(found.command, words.slice(found.words.length), isWhole)
}

function argumentProblem(
  command: Command,
  words: readonly string[],
  isWhole: boolean,
): string | undefined {
  const values: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === '--') {
      values.push(...words.slice(i + 1))
      break
    }
    if (!/^--?[a-z]/.test(word)) {
      values.push(word)
      continue
    }
    const option = command.options.find(({ long, short }) =>
      [long, short].includes(word.split('=')[0]),
    )
    if (option === undefined && word !== '--help') return `has no ${word}`
    if (option?.required === true && !word.includes('=')) i++
  }
  const places = command.registeredArguments
  if (values.length > places.length && places.at(-1)?.variadic !== true && !values.includes('…'))
    return `takes ${places.length} arguments`
  const needed = places.filter(({ required }) => required).length
  return isWhole && values.length < needed && !words.includes('…') ? 'lacks an argument' : undefined
}

test('every document has one title', () => {
  for (const { file, text } of DOCUMENTS)
    assert.equal(withoutCode(text).match(/^# .+$/gm)?.length, 1, file)
})

test('every relative link of a document leads to a file, and to a heading in it', () => {
  const broken = DOCUMENTS.flatMap((document) =>
    [...withoutCode(document.text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => {
      const problem = linkProblem(document, target!)
      return problem === undefined ? [] : [`${document.file}: ${target} ${problem}`]
    }),
  )
  assert.deepEqual(broken, [])
})

test('every command of dnd in a document exists, with its options and arguments', () => {
  const checked = DOCUMENTS.flatMap(({ file, text }) =>
    snippetsOf(text).flatMap(({ code, isWhole }) =>
      linesOf(code).map((line) => ({ file, line, problem: commandProblem(line, isWhole) })),
    ),
  )
  assert(checked.length > 100, 'hardly any commands were found')
  const wrong = checked.filter(({ problem }) => problem !== undefined)
  assert.deepEqual(
    wrong.map(({ file, line, problem }) => `${file}: dnd ${line}: ${problem}`),
    [],
  )
})

test('the check of commands finds what is wrong with one', () => {
  const cases: readonly (readonly [line: string, problem: string | undefined])[] = [
    ['get cart --bucket shop', undefined],
    ['rm cart', undefined],
    ['put temperature -- -5', undefined],
    ['join 10.0.0.1:5001 10.0.0.2:5001 --port 5002', undefined],
    ['keys', undefined],
    ['got cart', 'is no command'],
    ['keys lost', 'is no command'],
    ['get cart --buket shop', 'has no --buket'],
    ['get a b', 'takes 1 arguments'],
    ['put cart', 'lacks an argument'],
  ]
  for (const [line, problem] of cases) assert.equal(commandProblem(line, true), problem, line)
  assert.equal(commandProblem('put', false), undefined)
  assert.deepEqual(linesOf('DND_PORT=1 dnd start && npx dnd put a b | wc -l'), ['start', 'put a b'])
})

test('every npm script that a document names is there', () => {
  const scripts = (folder: string): readonly string[] => {
    const path = join(folder, 'package.json')
    if (!existsSync(path)) return []
    return Object.keys(
      (JSON.parse(readFileSync(path, 'utf8')) as { scripts?: object }).scripts ?? {},
    )
  }
  const ours = scripts(ROOT)
  const missing = DOCUMENTS.flatMap(({ file, text }) => {
    const here = [...ours, ...scripts(join(ROOT, dirname(file)))]
    const named = [...text.matchAll(/\bnpm run (?:-s )?([a-z][\w:-]*)/g)].map((match) => match[1]!)
    return named.filter((name) => !here.includes(name)).map((name) => `${file}: npm run ${name}`)
  })
  assert.deepEqual(missing, [])
})

test('every error and every metric that a document names is there', () => {
  const metrics = new Metrics({ version: 'any', process: false }).describe().map(({ name }) => name)
  const isMetric = (name: string): boolean =>
    metrics.includes(name.replace(/_(?:bucket|sum|count)$/, '')) || metrics.includes(name)
  const unknown = DOCUMENTS.flatMap(({ file, text }) =>
    [
      ...[...text.matchAll(/\bDND_ERR_[A-Z_]*[A-Z]\b/g)].filter(([code]) => !isErrorCode(code)),
      // `dnd_background_…` and `dnd_` stand for several.
      ...[...text.matchAll(/\bdnd_[a-z_]*[a-z]\b(?![_*…])/g)].filter(([name]) => !isMetric(name)),
    ].map(([name]) => `${file}: ${name}`),
  )
  assert.deepEqual(unknown, [])
})

test('every page of the documentation is in an index', () => {
  const indexes = DOCUMENTS.filter(({ file }) => /^docs\/(?:\w+\/)?README\.md$/.test(file))
  const linked = indexes.flatMap(({ file, text }) =>
    [...text.matchAll(/\]\(([^)\s#]+)/g)].map(([, target]) => join(dirname(file), target!)),
  )
  const missing = DOCUMENTS.map(({ file }) => file).filter(
    (file) => file.startsWith('docs/') && file !== 'docs/README.md' && !linked.includes(file),
  )
  assert.deepEqual(missing, [], 'link them from docs/README.md, or from the README.md beside them')
})
