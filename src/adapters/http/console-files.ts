/**
 * The files of the console: a page, its style and its modules, as the compiler left them.
 *
 * They are read once, when somebody asks for the first of them, and kept with their compressed
 * form and a tag of their content; a node that nobody looks at holds none of them. A browser keeps
 * them too and asks with the tag each time, so that a node of another version never meets the page
 * of the one before it.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

export interface ConsoleFile {
  readonly type: string
  readonly etag: string
  readonly bytes: Uint8Array
  readonly gzip: Uint8Array
}

/** The page itself; what it asks for is named from there. */
export const CONSOLE_PAGE = 'index.html'

/** Below the folder of the package: written by hand, and compiled. */
const WRITTEN = join('packages', 'dashboard', 'static')
const COMPILED = join('packages', 'dashboard', 'src')
/** Of the compiled ones, and how a browser names them. */
export const CONSOLE_FOLDERS: readonly string[] = ['', 'model', 'view']

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const compress = promisify(gzip)

export class ConsoleFiles {
  readonly #from: string
  #files: Promise<ReadonlyMap<string, ConsoleFile>> | undefined

  /** `from`: a folder of the package, or below it, wherever it was installed. */
  constructor(from: string) {
    this.#from = from
  }

  /** undefined: there is none of that name. Rejects when the files cannot be read. */
  async find(name: string): Promise<ConsoleFile | undefined> {
    this.#files ??= readAll(this.#from)
    return (await this.#files).get(name)
  }
}

async function readAll(from: string): Promise<ReadonlyMap<string, ConsoleFile>> {
  // Bounded by: the files of the package.
  const files = new Map<string, ConsoleFile>()
  const written = folderAbove(from, WRITTEN)
  const compiled = folderAbove(from, COMPILED)
  if (written !== undefined) await readFolder(written, '', files)
  if (compiled !== undefined)
    for (const folder of CONSOLE_FOLDERS) await readFolder(join(compiled, folder), folder, files)
  return files
}

async function readFolder(
  path: string,
  prefix: string,
  files: Map<string, ConsoleFile>,
): Promise<void> {
  for (const name of await readdir(path)) {
    const type = TYPES[extname(name)]
    if (type === undefined || name.endsWith('.test.js')) continue
    const bytes = await readFile(join(path, name))
    const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
    const file = { type, etag: `"${hash}"`, bytes, gzip: await compress(bytes, { level: 9 }) }
    files.set(prefix === '' ? name : `${prefix}/${name}`, file)
  }
}

/** The nearest folder of that name beside `from` or above it. */
function folderAbove(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, name))) return join(folder, name)
    if (folder === dirname(folder)) return undefined
  }
}
