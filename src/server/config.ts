/**
 * A node's configuration: flags win over `DND_*` environment variables, those over the file, that
 * over the defaults. Every value is checked against its schema wherever it came from, and what is
 * wrong is told with the field, where the value was found and what to give instead; all problems at
 * once, so that nobody has to repair them one start at a time.
 */
import { readFileSync, statSync } from 'node:fs'
import { hostname as osHostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import * as v from 'valibot'
import { DndError } from '../core/errors.ts'
import type { NodeConfig } from '../core/node/config.ts'
import type { Address } from '../core/std/ids.ts'
import { parseAddress } from '../core/std/ids.ts'
import type { EncryptionMode } from '../runtime/ports.ts'
import type { ConfigField, Engine, FieldDescription, LogLevel } from './config-fields.ts'
import { CLUSTER_PORT_DEFAULT, CONFIG_FIELDS, environmentOf, flagOf } from './config-fields.ts'
import type { EncryptionSettings } from './encryption-config.ts'
import { doorProblem } from './door-config.ts'
import { encryptionMode, encryptionProblem, isLoopback } from './encryption-config.ts'
import { nearest } from './suggest.ts'

export type { Engine, LogLevel } from './config-fields.ts'
/**
 * `start`: a new cluster, or the restart of a directory that has one. `join`: find the cluster
 * through `seeds`.
 */
export type StartMode = 'start' | 'join'

export interface NodeServerConfig extends NodeConfig {
  readonly mode: StartMode
  /** Not empty when mode is `join`, empty otherwise. */
  readonly seeds: readonly Address[]
  /** The node whose places this one is to have; never when mode is `start`. */
  readonly replaces: string | undefined
  readonly name: string
  /** Listened on, and told to the other nodes. */
  readonly host: string
  /** Cluster traffic, UDP and TCP; 0: any free port. */
  readonly port: number
  /** 0: any free port. */
  readonly httpPort: number
  /** Absolute path. */
  readonly data: string
  readonly zone: string
  readonly weight: number
  readonly engine: Engine
  /** The text of a cluster key, never shown; or the absolute path of a file that holds it. */
  readonly key: string | undefined
  readonly keyFile: string | undefined
  readonly encryption: EncryptionMode
  readonly allowPlaintextClusterTraffic: boolean
  /** Absolute paths; all three or none. */
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
  readonly tlsCa: string | undefined
  /** Absolute paths; the first two or none. */
  readonly httpCert: string | undefined
  readonly httpKey: string | undefined
  readonly httpCa: string | undefined
  /** Origins as browsers write them. */
  readonly allowOrigin: readonly string[]
  readonly allowHost: readonly string[]
  readonly allowOpenHttp: boolean
  /** Whether nobody is served over HTTP whom the cluster does not know. */
  readonly requireAuth: boolean
  /** Absolute path. */
  readonly adminPasswordFile: string | undefined
  /** Of a new cluster only, like `replicas`. */
  readonly partitions: number
  readonly replicas: number
  readonly protocolMax: number
  /** How long a node that is told to stop goes on serving, milliseconds. */
  readonly drainMs: number
  readonly logLevel: LogLevel
}

/** Read when it is there and `--config` names no other. */
export const CONFIG_FILE_DEFAULT = 'dnd.config.json'
/** Environment variables with our prefix that are no field. */
const OTHER_VARIABLES = [
  ...['DND_CONFIG', 'DND_SERVER', 'DND_CA', 'DND_DEBUG'],
  ...['DND_TOKEN', 'DND_TOKEN_FILE', 'DND_USER', 'DND_PASSWORD', 'DND_PASSWORD_FILE'],
  'DND_NEW_PASSWORD',
]
/**
 * DND_PROT is a slip; DND_SERVICE_PORT, three letters from DND_SERVER_PORT, is what Kubernetes
 * sets.
 */
const VARIABLE_SLIPS_MAX = 2
/** A configuration is a page of text; more is a mistaken path. */
const CONFIG_FILE_BYTES_MAX = 1024 * 1024

export interface ConfigSources {
  readonly mode: StartMode
  /**
   * Texts as given on the command line; `config` is the path of the file, `seeds` are the arguments
   * of `join`.
   */
  readonly flags: Readonly<Partial<Record<ConfigField | 'config', string | readonly string[]>>>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly hostname?: string
}

export interface LoadedConfig {
  readonly config: NodeServerConfig
  /** Where each value came from: a flag, a variable, a file's path, or `default`. */
  readonly origins: Readonly<Record<ConfigField, string>>
}

export interface ConfigProblem {
  /** undefined: the file as a whole. */
  readonly field: string | undefined
  readonly message: string
}

/** The caller's mistake: nothing was started. */
export class ConfigError extends DndError {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super('DND_ERR_BAD_CONFIG', problems.map((problem) => problem.message).join('\n'))
    this.problems = problems
  }
}

interface Given {
  readonly value: unknown
  readonly origin: string
}
/** In a file they are relative to that file. */
const PATH_FIELDS: readonly ConfigField[] = [
  ...(['data', 'keyFile', 'tlsCert', 'tlsKey', 'tlsCa'] as const),
  ...(['httpCert', 'httpKey', 'httpCa'] as const),
  'adminPasswordFile',
]
/** Without a value of their own when nobody gives one. */
const OPEN_FIELDS: readonly ConfigField[] = [
  ...(['allowOrigin', 'allowHost'] as const),
  ...(['seeds', 'replace', 'name', 'key', 'encryption'] as const),
  ...PATH_FIELDS,
]

type GivenFields = Partial<Record<ConfigField, Given>>

/** @throws ConfigError */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const problems: ConfigProblem[] = []
  const file = readFile(sources, problems)
  const given: GivenFields = { ...file.fields }
  Object.assign(given, fromEnvironment(sources.env, problems), fromFlags(sources.flags, problems))
  for (const description of CONFIG_FIELDS) {
    const found = given[description.field]
    if (found !== undefined) checkField(description, found, problems)
  }
  if (problems.length === 0) checkTogether(given, sources, problems)
  if (problems.length > 0) throw new ConfigError(problems)
  return assemble(given, sources)
}

function fromFlags(flags: ConfigSources['flags'], problems: ConfigProblem[]): GivenFields {
  const given: GivenFields = {}
  const names = CONFIG_FIELDS.map((description) => description.field)
  for (const name of Object.keys(flags))
    if (name !== 'config' && !names.some((known) => known === name))
      problems.push({ field: name, message: `"${name}" is not known; ${adviceFor(name, names)}` })
  for (const description of CONFIG_FIELDS) {
    const text = flags[description.field]
    if (text === undefined || (Array.isArray(text) && text.length === 0)) continue
    const origin = description.field === 'seeds' ? 'the command line' : flagOf(description.field)
    given[description.field] = { value: fromText(description, text), origin }
  }
  return given
}

function fromEnvironment(env: ConfigSources['env'], problems: ConfigProblem[]): GivenFields {
  const given: GivenFields = {}
  const known = new Map<string, FieldDescription>()
  for (const description of CONFIG_FIELDS) known.set(environmentOf(description.field), description)
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('DND_') || text === undefined || text === '') continue
    const description = known.get(variable)
    if (description !== undefined) {
      given[description.field] = { value: fromText(description, text), origin: variable }
      continue
    }
    // Others may have reasons of their own for a variable with our prefix (Kubernetes makes
    // DND_SERVICE_HOST for a service called dnd), so only what looks like a slip is refused.
    if (OTHER_VARIABLES.includes(variable)) continue
    const meant = nearest(variable, [...known.keys(), ...OTHER_VARIABLES], VARIABLE_SLIPS_MAX)
    if (meant !== undefined)
      problems.push({
        field: variable,
        message: `environment variable ${variable} is not known; did you mean ${meant}?`,
      })
  }
  return given
}

function readFile(
  sources: ConfigSources,
  problems: ConfigProblem[],
): { readonly fields: GivenFields } {
  const named = sources.flags.config ?? nonEmpty(sources.env['DND_CONFIG'])
  const path = resolve(sources.cwd, typeof named === 'string' ? named : CONFIG_FILE_DEFAULT)
  const problem = (message: string) => {
    problems.push({ field: undefined, message })
    return { fields: {} }
  }
  let text: string
  try {
    if (statSync(path).size > CONFIG_FILE_BYTES_MAX)
      return problem(`config file ${path} is larger than 1 MiB; give the path of a configuration`)
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' && named === undefined) return { fields: {} }
    return problem(
      code === 'ENOENT'
        ? `config file ${path} does not exist; create it, or leave --config and DND_CONFIG out`
        : `config file ${path} cannot be read (${code ?? String(error)}); check its permissions`,
    )
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    return problem(`config file ${path} is not JSON: ${(error as Error).message}`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return problem(`config file ${path} must hold one object, such as { "port": 5001 }`)
  return { fields: fromFile(parsed, path, problems) }
}

function fromFile(parsed: object, path: string, problems: ConfigProblem[]): GivenFields {
  const given: GivenFields = {}
  const names = CONFIG_FIELDS.map((description) => description.field)
  for (const [name, value] of Object.entries(parsed)) {
    const field = names.find((known) => known === name)
    if (field !== undefined) {
      const based = PATH_FIELDS.includes(field) && typeof value === 'string'
      given[field] = { value: based ? resolve(dirname(path), value) : value, origin: path }
      continue
    }
    const message = `"${name}" in ${path} is not known; ${adviceFor(name, names)}`
    problems.push({ field: name, message })
  }
  return given
}

function adviceFor(name: string, names: readonly string[]): string {
  const meant = nearest(name, names)
  return meant === undefined ? `known are ${names.join(', ')}` : `did you mean "${meant}"?`
}

function fromText(description: FieldDescription, text: string | readonly string[]): unknown {
  if (description.kind === 'list')
    return (typeof text === 'string' ? text.split(',') : text).map((item) => item.trim())
  if (typeof text !== 'string') return text.at(-1)
  if (description.kind === 'boolean')
    return text === 'true' || text === 'false' ? text === 'true' : text
  // Anything that is not plainly a number stays text, and the schema says what was wanted.
  return description.kind === 'number' && /^-?\d{1,15}$/.test(text) ? Number(text) : text
}

function checkField(description: FieldDescription, given: Given, problems: ConfigProblem[]): void {
  if (v.is(description.schema, given.value)) return
  const { field, allowed, isSecret } = description
  const what = isSecret === true ? 'what was given' : JSON.stringify(given.value)
  problems.push({ field, message: `${field} (from ${given.origin}): ${what} is not ${allowed}` })
}

/** Rules that take more than one field. */
function checkTogether(
  given: GivenFields,
  sources: ConfigSources,
  problems: ConfigProblem[],
): void {
  const { mode } = sources
  const unencrypted = encryptionProblem(encryptionSettings(given, sources))
  if (unencrypted !== undefined) problems.push(unencrypted)
  const isTrue = (field: ConfigField): boolean => valueOf(given, field) === true
  const open = doorProblem({ ...encryptionSettings(given, sources), isTrue })
  if (open !== undefined) problems.push(open)
  const interval = numberOf(given, 'probeIntervalMs')
  const timeout = numberOf(given, 'probeTimeoutMs')
  if (timeout >= interval)
    problems.push({
      field: 'probeTimeoutMs',
      message: `probeTimeoutMs (from ${originOf(given, 'probeTimeoutMs')}): ${timeout} is not below probeIntervalMs, ${interval} (from ${originOf(given, 'probeIntervalMs')}); a third of it is a good choice`,
    })
  const port = numberOf(given, 'port')
  if (port !== 0 && port === numberOf(given, 'serverPort'))
    problems.push({
      field: 'serverPort',
      message: `serverPort (from ${originOf(given, 'serverPort')}): ${port} is also the port for traffic between nodes (from ${originOf(given, 'port')}); give another`,
    })
  const seeds = valueOf(given, 'seeds') as readonly string[] | undefined
  if (mode === 'join' && (seeds === undefined || seeds.length === 0))
    problems.push({
      field: 'seeds',
      message: 'seeds: joining takes the address of a node of the cluster: dnd join HOST:PORT',
    })
  if (mode === 'start' && given.replace !== undefined)
    problems.push({
      field: 'replace',
      message: `replace (from ${originOf(given, 'replace')}): only a new node can take the place of another: dnd join SEED --replace NODE`,
    })
  if (mode === 'start' && seeds !== undefined)
    problems.push({
      field: 'seeds',
      message: `seeds (from ${originOf(given, 'seeds')}): "dnd start" begins a cluster or restarts a node; to be part of the one of these seeds, use "dnd join"`,
    })
}

function encryptionSettings(given: GivenFields, sources: ConfigSources): EncryptionSettings {
  return {
    host: String(valueOf(given, 'address')),
    engine: valueOf(given, 'engine') as Engine,
    data: dataOf(given, sources),
    encryption: valueOf(given, 'encryption') as EncryptionMode | undefined,
    allowPlaintext: valueOf(given, 'allowPlaintextClusterTraffic') === true,
    isGiven: (field) => given[field] !== undefined,
    originOf: (field) => originOf(given, field),
  }
}

function nameOf(given: GivenFields, sources: ConfigSources): string {
  if (given.name !== undefined) return String(given.name.value)
  const host = String(valueOf(given, 'address'))
  return defaultName(host, numberOf(given, 'port'), sources.hostname ?? osHostname())
}

function dataOf(given: GivenFields, sources: ConfigSources): string {
  const named = `dnd-data/${nameOf(given, sources).replace(/[/\\]/g, '_')}`
  return resolve(sources.cwd, given.data === undefined ? named : String(given.data.value))
}

function assemble(given: GivenFields, sources: ConfigSources): LoadedConfig {
  const text = (field: ConfigField): string => String(valueOf(given, field))
  const number = (field: ConfigField): number => numberOf(given, field)
  const path = (field: ConfigField): string | undefined =>
    given[field] === undefined ? undefined : resolve(sources.cwd, text(field))
  const seeds = (valueOf(given, 'seeds') as readonly string[] | undefined) ?? []
  const config: NodeServerConfig = {
    mode: sources.mode,
    seeds: seeds.map((seed) => mustParseAddress(seed)),
    replaces: given.replace === undefined ? undefined : text('replace'),
    name: nameOf(given, sources),
    host: text('address'),
    port: number('port'),
    httpPort: number('serverPort'),
    data: dataOf(given, sources),
    zone: text('zone'),
    weight: number('weight'),
    engine: text('engine') as Engine,
    key: given.key === undefined ? undefined : text('key').trim(),
    keyFile: path('keyFile'),
    encryption: encryptionMode(encryptionSettings(given, sources)),
    allowPlaintextClusterTraffic: valueOf(given, 'allowPlaintextClusterTraffic') === true,
    manualLayout: valueOf(given, 'manualLayout') === true,
    tlsCert: path('tlsCert'),
    tlsKey: path('tlsKey'),
    tlsCa: path('tlsCa'),
    httpCert: path('httpCert'),
    httpKey: path('httpKey'),
    httpCa: path('httpCa'),
    allowOrigin: (valueOf(given, 'allowOrigin') ?? []) as readonly string[],
    allowHost: (valueOf(given, 'allowHost') ?? []) as readonly string[],
    allowOpenHttp: valueOf(given, 'allowOpenHttp') === true,
    requireAuth: valueOf(given, 'requireAuth') === true,
    adminPasswordFile: path('adminPasswordFile'),
    partitions: number('partitions'),
    replicas: number('replicas'),
    protocolMax: number('protocolMax'),
    drainMs: number('drainMs'),
    logLevel: text('logLevel') as LogLevel,
    requestTimeoutMs: number('requestTimeoutMs'),
    hedgeAfterMs: number('hedgeAfterMs'),
    requestsInFlightMax: number('requestsInFlightMax'),
    probeIntervalMs: number('probeIntervalMs'),
    probeTimeoutMs: number('probeTimeoutMs'),
    stateSyncIntervalMs: number('stateSyncIntervalMs'),
    clockSkewMaxMs: number('clockSkewMaxMs'),
    antiEntropyIntervalMs: number('antiEntropyIntervalMs'),
    scrubIntervalMs: number('scrubIntervalMs'),
    backgroundLatencyMs: number('backgroundLatencyMs'),
    backgroundSlowdownPercent: number('backgroundSlowdownPercent'),
    backgroundUnitsMax: number('backgroundUnitsMax'),
    hintAfterMs: number('hintAfterMs'),
    hintBytesMax: number('hintBytesMax'),
    hintAgeMaxMs: number('hintAgeMaxMs'),
  }
  const origins = CONFIG_FIELDS.map(({ field }) => [field, originOf(given, field)] as const)
  return { config, origins: Object.fromEntries(origins) as LoadedConfig['origins'] }
}

/**
 * On one machine the port tells nodes apart (as `dnd demo` numbers them), among machines the host
 * name does.
 */
function defaultName(host: string, port: number, hostname: string): string {
  if (!isLoopback(host)) return hostname.slice(0, 64) || 'node'
  if (port === 0) return 'node'
  const number = port - CLUSTER_PORT_DEFAULT + 1
  return number >= 1 && number < 1000 ? `node${number}` : `node-${port}`
}

/** The value given, or the fixed default; undefined where the default depends on the others. */
function valueOf(given: GivenFields, field: ConfigField): unknown {
  const found = given[field]
  if (found !== undefined) return found.value
  if (OPEN_FIELDS.includes(field)) return undefined
  return CONFIG_FIELDS.find((description) => description.field === field)?.fallback
}

const numberOf = (given: GivenFields, field: ConfigField): number => Number(valueOf(given, field))
const originOf = (given: GivenFields, field: ConfigField): string =>
  given[field]?.origin ?? 'default'
const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

function mustParseAddress(text: string): Address {
  const address = parseAddress(text, CLUSTER_PORT_DEFAULT)
  if (address === undefined) throw new Error(`not an address: ${text}`)
  return address
}
