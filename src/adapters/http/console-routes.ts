/**
 * `/` for a browser, and the files of the console below `/console`.
 *
 * The page may load what this node serves and nothing else, runs no script that is written into
 * it, and cannot be framed by another: what strangers have stored is shown in it.
 */
import { DndError } from '../../core/errors.ts'
import { CONSOLE_FOLDERS, CONSOLE_PAGE } from './console-files.ts'
import type { ConsoleFile } from './console-files.ts'
import type { Exchange } from './exchange.ts'
import type { Route } from './operation.ts'
import { reading } from './operation.ts'

const GUARDS = [
  'content-security-policy',
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'x-content-type-options',
  'nosniff',
  'referrer-policy',
  'no-referrer',
] as const

const NO_BYTES = new Uint8Array(0)

/** Kept by the browser, and asked for with its tag before it is used again. */
const CACHING = ['cache-control', 'no-cache'] as const

export function onConsolePage(exchange: Exchange): void {
  send(exchange, CONSOLE_PAGE, ['vary', 'accept, accept-encoding'])
}

function onConsoleFile(folder: string): (exchange: Exchange) => void {
  return (exchange) => {
    const name = Buffer.from(exchange.key).toString('utf8')
    send(exchange, folder === '' ? name : `${folder}/${name}`, ['vary', 'accept-encoding'])
  }
}

function send(exchange: Exchange, name: string, headers: string[]): void {
  const { console, log } = exchange.site
  console.find(name).then(
    (file) => {
      if (file === undefined)
        return exchange.fail(new DndError('DND_ERR_NOT_FOUND', 'the console has no such file'))
      respond(exchange, file, headers)
    },
    (error: unknown) => {
      log.error('the files of the console could not be read', { error })
      exchange.fail(new DndError('DND_ERR_INTERNAL', 'the console could not be read'))
    },
  )
}

function respond(exchange: Exchange, file: ConsoleFile, headers: string[]): void {
  headers.push('etag', file.etag, ...CACHING, ...GUARDS)
  const known = exchange.headers.ifNoneMatch
  if (known?.includes(file.etag) === true) return exchange.respond(304, headers, NO_BYTES)
  headers.push('content-type', file.type)
  const accepted = exchange.request.headers['accept-encoding']
  if (typeof accepted !== 'string' || !/\bgzip\b/.test(accepted))
    return exchange.respond(200, headers, file.bytes)
  headers.push('content-encoding', 'gzip')
  exchange.respond(200, headers, file.gzip)
}

export const CONSOLE_ROUTES: readonly Route[] = CONSOLE_FOLDERS.map((folder) => ({
  path: folder === '' ? '/console/{id}' : `/console/${folder}/{id}`,
  methods: reading(
    folder === '' ? 'getConsoleFile' : `getConsole${folder[0]!.toUpperCase()}${folder.slice(1)}`,
    'A file of the console, the page for people at `/`',
    {
      200: { description: 'The file.', content: 'bytes' },
      304: { description: 'What If-None-Match names is still what it is.' },
    },
    onConsoleFile(folder),
    {
      access: 'open',
      headers: ['If-None-Match'],
      errors: ['DND_ERR_NOT_FOUND', 'DND_ERR_INTERNAL'],
    },
  ),
}))
