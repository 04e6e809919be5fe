/**
 * The rules of the settings about encryption, which take several fields and what lies on the disk:
 * what the mode is when nobody says, and when a node may not start. Plain traffic beyond this
 * machine is refused: whoever reaches the port could read and change everything, and nobody should
 * come to that by leaving a setting out.
 */
import { existsSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { join } from 'node:path'
import { KEYRING_FILE } from '../adapters/keyring/keyring-file.ts'
import type { EncryptionMode } from '../runtime/ports.ts'
import type { ConfigField, Engine } from './config-fields.ts'

const HOW_TO_KEY =
  'make a key with "dnd keys generate" and give it to every node of the cluster with --key-file'
const TLS_FIELDS = ['tlsCert', 'tlsKey', 'tlsCa'] as const

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true
  const family = isIP(host)
  return family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

/** Where a node with this data keeps its ring; undefined: nowhere. */
export function keyringPath(engine: Engine, data: string): string | undefined {
  return engine === 'memory' ? undefined : join(data, KEYRING_FILE)
}

export interface EncryptionSettings {
  readonly host: string
  readonly engine: Engine
  readonly data: string
  /** undefined: nobody said. */
  readonly encryption: EncryptionMode | undefined
  readonly allowPlaintext: boolean
  readonly isGiven: (field: ConfigField) => boolean
  /** The flag, variable or file that a value is from. */
  readonly originOf: (field: ConfigField) => string
}

export function encryptionMode(settings: EncryptionSettings): EncryptionMode {
  return settings.encryption ?? (hasKey(settings) ? 'required' : 'off')
}

/** The first rule that is broken. */
export function encryptionProblem(
  settings: EncryptionSettings,
): { readonly field: ConfigField; readonly message: string } | undefined {
  const { host, originOf, isGiven } = settings
  const mode = encryptionMode(settings)
  const problem = (field: ConfigField, what: string) => ({
    field,
    message: `${field} (from ${originOf(field)}): ${what}`,
  })
  if (isGiven('key') && isGiven('keyFile'))
    return problem('keyFile', `there is also a key from ${originOf('key')}; give one of the two`)
  if (mode !== 'off' && !hasKey(settings))
    return problem('encryption', `"${mode}" takes a key, and there is none; ${HOW_TO_KEY}`)
  const [given] = TLS_FIELDS.filter(isGiven)
  const [missing] = TLS_FIELDS.filter((field) => !isGiven(field))
  if (given !== undefined && missing !== undefined)
    return problem(given, `certificates take tlsCert, tlsKey and tlsCa; ${missing} is missing`)
  if (given !== undefined && !hasKey(settings))
    return problem(given, `certificates are for the links; gossip takes a key, too: ${HOW_TO_KEY}`)
  if (given !== undefined && mode === 'off')
    return problem(given, 'there are certificates, and encryption is "off"; give another mode')
  if (mode === 'off' && !isLoopback(host) && !settings.allowPlaintext)
    return problem(
      'address',
      `traffic between nodes at ${host} would be plain, for anybody who reaches the port to read and to change; ${HOW_TO_KEY}, or take the risk with --allow-plaintext-cluster-traffic`,
    )
  return undefined
}

function hasKey({ isGiven, engine, data }: EncryptionSettings): boolean {
  const ring = keyringPath(engine, data)
  return isGiven('key') || isGiven('keyFile') || (ring !== undefined && existsSync(ring))
}
