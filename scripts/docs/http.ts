/** `http.md`: what the OpenAPI document, which the server makes of its own routes, says of each. */
import { openapiDocument } from '../../src/adapters/http/openapi.ts'
import { ROUTES } from '../../src/adapters/http/routes.ts'
import { anchorOf, arrange, blocksOf, fill, prose, table } from './page.ts'

interface Parameter {
  readonly name: string
  readonly in: string
  readonly schema: { readonly minimum?: number; readonly maximum?: number }
}

interface OperationDocument {
  readonly summary: string
  readonly parameters: readonly Parameter[]
  readonly responses: Readonly<Record<string, { readonly description: string }>>
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationDocument>>>>
}

interface Request {
  /** `GET /kv/{key}` */
  readonly name: string
  readonly operation: OperationDocument
  readonly failures: readonly Failure[]
}

interface Failure {
  readonly status: string
  readonly code: string
}

const METHODS = ['get', 'put', 'post', 'delete'] as const
const INDEX = 'all requests'
const ANY = 'what any request may meet'

export function httpPage(page: string): string {
  const requests = requestsOf(openapiDocument(ROUTES, 'any') as unknown as Document)
  const any = failuresOfAny(requests)
  const had = new Map(
    blocksOf(page)
      .filter(({ name }) => name !== INDEX && name !== ANY)
      .map(({ name, content }) => [name, requestNames(content)]),
  )
  const names = requests.map(({ name }) => name)
  const arranged = arrange(had, names, (name) => ['/', ...name.replace(/^\w+ \//, '').split('/')])
  const contents = new Map<string, string>()
  for (const [block, here] of arranged)
    contents.set(
      block,
      here.length === 0
        ? 'None.'
        : table(
            ['request', 'parameters and headers', 'answers'],
            alike(
              here.map((name) =>
                row(
                  requests.find((one) => one.name === name)!,
                  any,
                ),
              ),
            ),
          ),
    )
  contents.set(INDEX, index(page, arranged))
  contents.set(ANY, `${byStatus(any)}.`)
  return fill(page, contents)
}

function requestsOf({ paths }: Document): readonly Request[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method]
      if (operation === undefined) return []
      return [
        { name: `${method.toUpperCase()} ${path}`, operation, failures: failuresOf(operation) },
      ]
    }),
  )
}

function failuresOf({ responses }: OperationDocument): readonly Failure[] {
  return Object.entries(responses).flatMap(([status, { description }]) => {
    const codes = /^DND_ERR_\w+(?:, DND_ERR_\w+)*$/.exec(description)?.[0].split(', ') ?? []
    return [...new Set(codes)].map((code) => ({ status, code }))
  })
}

/** A failure that so many of all operations have is told once, for all. */
const SHARE_OF_ANY = 0.8

/** Those that nearly every operation has, or answers in words of its own. */
function failuresOfAny(requests: readonly Request[]): readonly Failure[] {
  const all = requests.flatMap(({ failures }) => failures)
  const common = all.filter(({ status, code }) => {
    const having = requests.filter(
      ({ failures, operation }) =>
        failures.some((other) => other.code === code) ||
        operation.responses[status]?.description.startsWith('DND_ERR_') === false,
    )
    return having.length >= SHARE_OF_ANY * requests.length
  })
  return [...new Map(common.map((failure) => [failure.code, failure])).values()]
}

/** 400 `A`, `B` · 404 `C` */
function byStatus(failures: readonly Failure[]): string {
  const codes = new Map<string, string[]>()
  for (const { status, code } of failures)
    codes.set(status, [...(codes.get(status) ?? []), `\`${code}\``])
  return [...codes].map(([status, names]) => `${status} ${names.join(', ')}`).join(' · ')
}

function row({ name, operation, failures }: Request, any: readonly Failure[]): string[] {
  const { summary, parameters, responses } = operation
  const told = Object.entries(responses)
    .filter(([, { description }]) => !description.startsWith('DND_ERR_'))
    .map(([status]) => status)
  const own = failures.filter(({ code }) => !any.some((other) => other.code === code))
  return [
    `\`${name}\`: ${prose(summary)}`,
    parameters.map(parameterText).join(' · ') || '–',
    [told.join(', '), byStatus(own)].filter((text) => text !== '').join(' · '),
  ]
}

/** Requests that take the same and are answered the same share a row. */
function alike(rows: readonly string[][]): readonly string[][] {
  const merged = new Map<string, string[]>()
  for (const [request, ...rest] of rows) {
    const same = merged.get(rest.join('|'))
    if (same === undefined) merged.set(rest.join('|'), [request!, ...rest])
    else same[0] += `<br>${request}`
  }
  return [...merged.values()]
}

/** Of the first cell of each row, which may be shared. */
function requestNames(content: string): readonly string[] {
  return content
    .split('\n')
    .flatMap((line) => [...(line.split(' | ')[0] ?? '').matchAll(/`([A-Z]+ \/[^`]*)`/g)])
    .map((match) => match[1]!)
}

function parameterText({ name, schema }: Parameter): string {
  const { minimum, maximum } = schema
  const bounds = maximum === undefined ? '' : ` (${minimum ?? 0} to ${maximum})`
  return `\`${name}\`${bounds}`
}

/** Every request with the section of the page that tells of it, in the order of the page. */
function index(page: string, arranged: ReadonlyMap<string, readonly string[]>): string {
  const rows = [...arranged].map(([block, names]) => {
    const before = page.slice(0, page.indexOf(`<!-- generated: ${block} -->`))
    const heading = [...before.matchAll(/^##+ (.*)$/gm)].at(-1)?.[1] ?? ''
    return [names.map((name) => `\`${name}\``).join(' · '), `[${heading}](#${anchorOf(heading)})`]
  })
  return table(
    ['request', 'told in'],
    rows.filter(([names]) => names !== ''),
  )
}
