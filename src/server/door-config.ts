/** The rules of the settings about the door for clients, which take several fields. */
import type { ConfigField } from './config-fields.ts'
import { isLoopback } from './encryption-config.ts'
import type { EncryptionSettings } from './encryption-config.ts'

export interface DoorSettings extends Pick<EncryptionSettings, 'host' | 'isGiven' | 'originOf'> {
  readonly isTrue: (field: ConfigField) => boolean
}

/** The first rule that is broken. */
export function doorProblem({
  host,
  isGiven,
  originOf,
  isTrue,
}: DoorSettings): { readonly field: ConfigField; readonly message: string } | undefined {
  const problem = (field: ConfigField, what: string) => ({
    field,
    message: `${field} (from ${originOf(field)}): ${what}`,
  })
  const [given] = (['httpCert', 'httpKey'] as const).filter(isGiven)
  const [missing] = (['httpCert', 'httpKey'] as const).filter((field) => !isGiven(field))
  if (given !== undefined && missing !== undefined)
    return problem(given, `HTTPS takes httpCert and httpKey; ${missing} is missing`)
  if (isGiven('httpCa') && given === undefined)
    return problem('httpCa', 'it is for HTTPS, which takes httpCert and httpKey; give them as well')
  if (isLoopback(host) || isTrue('allowOpenHttp')) return undefined
  const lacks = [
    ...(given === undefined ? ['a certificate (--http-cert and --http-key)'] : []),
    ...(isTrue('requireAuth') ? [] : ['users (--require-auth)']),
  ]
  if (lacks.length === 0) return undefined
  return problem(
    'address',
    `HTTP at ${host} would be open, for anybody who reaches the port or hears what is sent to read and to change; give it ${lacks.join(' and ')}, or take the risk with --allow-open-http`,
  )
}
