/**
 * What is known of users and tokens: a small register each, last writer wins by stamp, gossiped
 * whole, as the properties of buckets are (`bucket-registry.ts`).
 *
 * Who is removed leaves a record without anything in it, for ever: a node that was away must not
 * bring the removed one back. So names count towards the bound after they are removed, too, and can
 * be used again.
 *
 * What is known is in force at once, but others are told only what is durable here: a node that
 * confirms a removal and then forgets it over a power failure would open to the removed again.
 */
import { ByteReader, ByteWriter, compareBytes } from '../std/bytes.ts'
import { ACCESS_RECORDS_MAX } from '../std/limits.ts'
import { compareStamps } from '../versions/stamp.ts'
import { ACCESS_BYTES_MIN, decodeAccessRecord, encodeAccessRecord } from '../wire/access-codec.ts'
import type { AccessRecord, AccessView, Principal, PrincipalKind } from './access.ts'
import { allowsAll, principalNameProblem, principalProblem } from './access.ts'

export type LivingRecord = AccessRecord & { readonly principal: Principal }

export class AccessRegistry implements AccessView {
  // By kind and name. Bounded by: ACCESS_RECORDS_MAX, enforced in `merge`.
  readonly #records = new Map<string, AccessRecord>()
  // Of these, what a restart would find. Bounded by: ACCESS_RECORDS_MAX.
  #durable: readonly AccessRecord[] = []
  #revision = 0
  #durableRevision = 0

  /** Rises with every change of what is known; what `stored` is to be told with. */
  get revision(): number {
    return this.#revision
  }

  /** Up to which revision all is durable. */
  get durableRevision(): number {
    return this.#durableRevision
  }

  get isLocked(): boolean {
    return this.#records.size > 0
  }

  get full(): boolean {
    return this.#records.size >= ACCESS_RECORDS_MAX
  }

  find(kind: PrincipalKind, name: string): Principal | undefined {
    return this.record(kind, name)?.principal
  }

  record(kind: PrincipalKind, name: string): AccessRecord | undefined {
    return this.#records.get(keyOf(kind, name))
  }

  /** Removed ones included, in order of kind and name. */
  records(): readonly AccessRecord[] {
    return [...this.#records.keys()].sort().map((key) => this.#records.get(key)!)
  }

  principals(): readonly LivingRecord[] {
    return this.records().filter(isLiving)
  }

  /** What others may be told: what will still be known after a restart. */
  durableRecords(): readonly AccessRecord[] {
    return this.#durable
  }

  /** What was encoded at `revision` is durable. */
  stored(revision: number): void {
    this.#durableRevision = Math.max(this.#durableRevision, revision)
    // What has changed since is being stored, too.
    if (revision === this.#revision) this.#durable = this.records()
  }

  /** Whether somebody could still administer the cluster if `record` were the newest word. */
  hasAdminWith({ kind, name, principal }: AccessRecord): boolean {
    if (principal !== undefined && allowsAll(principal.grants, 'admin')) return true
    return this.principals().some(
      (other) =>
        (other.kind !== kind || other.name !== name) && allowsAll(other.principal.grants, 'admin'),
    )
  }

  /**
   * Takes over what is newer; says whether anything was. Records that no node of ours would make
   * are left out.
   */
  merge(records: readonly AccessRecord[]): boolean {
    let changed = false
    for (const record of records) {
      if (!isSound(record)) continue
      const key = keyOf(record.kind, record.name)
      const held = this.#records.get(key)
      if (held === undefined ? this.full : !isNewer(record, held)) continue
      this.#records.set(key, record)
      changed = true
    }
    if (changed) this.#revision++
    return changed
  }

  /** For the disk: a count and the records. */
  encode(): Uint8Array {
    const writer = new ByteWriter(256)
    writer.varint(this.#records.size)
    for (const record of this.records()) encodeAccessRecord(writer, record)
    return writer.take()
  }

  /**
   * Takes over what `encode` wrote; bytes that are not that are left aside: the others will tell us
   * again.
   */
  restore(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes)
    const records: AccessRecord[] = []
    for (let count = reader.count(ACCESS_RECORDS_MAX, ACCESS_BYTES_MIN); count > 0; count--)
      records.push(decodeAccessRecord(reader))
    if (!reader.finished) return
    this.merge(records)
    this.stored(this.#revision)
  }

  /** Whether `records` know at least what `record` says. */
  static confirms(records: readonly AccessRecord[], record: AccessRecord): boolean {
    const told = records.find(({ kind, name }) => kind === record.kind && name === record.name)
    return told !== undefined && !isNewer(record, told)
  }
}

function keyOf(kind: PrincipalKind, name: string): string {
  return `${kind} ${name}`
}

function isLiving(record: AccessRecord): record is LivingRecord {
  return record.principal !== undefined
}

function isSound({ name, principal }: AccessRecord): boolean {
  if (principalNameProblem(name) !== undefined) return false
  return principal === undefined || principalProblem(principal) === undefined
}

function isNewer(record: AccessRecord, held: AccessRecord): boolean {
  const order = compareStamps(record.stamp, held.stamp)
  return order !== 0 ? order > 0 : compareBytes(encoded(record), encoded(held)) > 0
}

function encoded(record: AccessRecord): Uint8Array {
  const writer = new ByteWriter(64)
  encodeAccessRecord(writer, record)
  return writer.take()
}
