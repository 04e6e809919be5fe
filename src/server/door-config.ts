/** The rules of the settings about the door for clients, which take several fields. */
import type { ConfigField } from './config-fields.ts'
import type { EncryptionSettings } from './encryption-config.ts'

export type DoorSettings = Pick<EncryptionSettings, 'isGiven' | 'originOf'>

/** The first rule that is broken. */
export function doorProblem({
  isGiven,
  originOf,
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
  return undefined
}
