/**
 * Users and tokens as bytes: between nodes in `state-sync`, and in a node's own store.
 *
 * ```
 * access record  kind code · name text · stamp · living flag · [principal]
 *                not living: removed
 * principal      secret bytes · count varint · (grant)*
 * grant          role code · bucket text · prefix bytes       empty bucket: all of them
 * ```
 */
import type { AccessRecord, AccessRole, Grant, Principal, PrincipalKind } from '../node/access.ts'
import { NAME_BYTES_MAX, principalProblem, SECRET_BYTES_MAX } from '../node/access.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { BUCKET_NAME_BYTES_MAX, GRANTS_MAX, KEY_BYTES_MAX } from '../std/limits.ts'
import { decodeStamp, encodeStamp } from '../versions/record.ts'
import type { Codes } from './fields.ts'
import { codes, decodeFlag, encodeFlag } from './fields.ts'

/** Less than any record takes: a claimed count is checked against the bytes that are there. */
export const ACCESS_BYTES_MIN = 11
const GRANT_BYTES_MIN = 3

const KINDS: Codes<PrincipalKind> = codes<PrincipalKind>({ user: 1, token: 2 })
const ROLES: Codes<AccessRole> = codes<AccessRole>({ read: 1, write: 2, admin: 3 })

export function encodeAccessRecord(writer: ByteWriter, record: AccessRecord): void {
  KINDS.encode(writer, record.kind)
  writer.text(record.name)
  encodeStamp(writer, record.stamp)
  encodeFlag(writer, record.principal !== undefined)
  if (record.principal === undefined) return
  const { secret, grants } = record.principal
  writer.bytes(secret)
  writer.varint(grants.length)
  for (const { role, bucket, prefix } of grants) {
    ROLES.encode(writer, role)
    writer.text(bucket)
    writer.bytes(prefix)
  }
}

/** What it gives is kept for long, and so copied out of the input. */
export function decodeAccessRecord(reader: ByteReader): AccessRecord {
  return {
    kind: KINDS.decode(reader),
    name: reader.text(NAME_BYTES_MAX),
    stamp: decodeStamp(reader),
    principal: decodeFlag(reader) ? decodePrincipal(reader) : undefined,
  }
}

function decodePrincipal(reader: ByteReader): Principal {
  const secret = Uint8Array.from(reader.bytes(SECRET_BYTES_MAX))
  const grants: Grant[] = []
  const count = reader.count(GRANTS_MAX, GRANT_BYTES_MIN)
  for (let i = 0; i < count && reader.ok; i++)
    grants.push({
      role: ROLES.decode(reader),
      bucket: reader.text(BUCKET_NAME_BYTES_MAX),
      prefix: Uint8Array.from(reader.bytes(KEY_BYTES_MAX)),
    })
  const principal = { secret, grants }
  if (reader.ok && principalProblem(principal) !== undefined) reader.fail()
  return principal
}
