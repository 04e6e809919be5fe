/**
 * Counters of what the node notes. Each kind of note has its own; a kind that is forgotten here
 * does not compile.
 */
import { Counter } from 'prom-client'
import type { Registry } from 'prom-client'
import type { Note } from '../../core/node/events.ts'
import { unreachable } from '../../core/std/assert.ts'
import { Counts } from './counts.ts'

/** Failure codes and member states. */
const LABELS_MAX = 64

/** Notes that are counted here; misbehaviour of peers is counted as a fault. */
export type CountedNote = Exclude<Note, { readonly type: 'peer-misbehaved' }>

const PLAIN = {
  dnd_read_repair_total: 'Stale replicas that a get has mended.',
  dnd_hedged_total: 'Gets that asked one more replica because one was slow.',
  dnd_forwarded_total: 'Writes passed on to a replica of their key.',
  dnd_layout_changes_total: 'Layouts that came into force or were completed.',
  dnd_transferred_partitions_total: 'Partitions pulled from their former owners.',
  dnd_transferred_records_total: 'Records in them.',
  dnd_refutations_total: 'Times this node refuted a suspicion about itself.',
  dnd_key_changes_total: 'Times this node took over other cluster keys, or another primary.',
  dnd_cloned_identity_total: 'Times another process was met with this identity. Should be zero.',
  dnd_unreadable_records_total:
    'Stored records found damaged, and repaired from replicas. Should be zero.',
  dnd_reaped_versions_total: 'Deletes and expired values that are gone for good from this replica.',
  dnd_amnesia_total: 'Partitions found older than the writes they made. Should be zero.',
  dnd_lost_clocks_total:
    'Partitions whose record of what they have seen could not be read. Should be zero.',
  dnd_store_failures_total: 'Batches that the store could not make durable. Should be zero.',
  dnd_many_siblings_total: 'Reads and writes that met a key with 25 concurrent values or more.',
  dnd_clock_skew_total: 'Stamps refused because the clock that made them runs ahead.',
} as const

type PlainName = keyof typeof PLAIN

export class NoteCounters {
  readonly #plain: Record<PlainName, number> = {
    dnd_read_repair_total: 0,
    dnd_hedged_total: 0,
    dnd_forwarded_total: 0,
    dnd_layout_changes_total: 0,
    dnd_transferred_partitions_total: 0,
    dnd_transferred_records_total: 0,
    dnd_refutations_total: 0,
    dnd_cloned_identity_total: 0,
    dnd_key_changes_total: 0,
    dnd_unreadable_records_total: 0,
    dnd_reaped_versions_total: 0,
    dnd_amnesia_total: 0,
    dnd_lost_clocks_total: 0,
    dnd_store_failures_total: 0,
    dnd_many_siblings_total: 0,
    dnd_clock_skew_total: 0,
  }
  readonly failures: Counts = new Counts(LABELS_MAX)
  readonly memberChanges: Counts = new Counts(LABELS_MAX)

  of(name: PlainName): number {
    return this.#plain[name]
  }

  add(note: CountedNote): void {
    const plain = this.#plain
    switch (note.type) {
      case 'read-repair':
        plain.dnd_read_repair_total += note.replicas
        return
      case 'hedged':
        plain.dnd_hedged_total++
        return
      case 'forwarded':
        plain.dnd_forwarded_total++
        return
      case 'request-failed':
        return this.failures.add(note.code, 1)
      case 'member':
        return this.memberChanges.add(note.to, 1)
      case 'layout':
        plain.dnd_layout_changes_total++
        return
      case 'transferred':
        plain.dnd_transferred_partitions_total++
        plain.dnd_transferred_records_total += note.records
        return
      case 'refuted':
        plain.dnd_refutations_total++
        return
      case 'cloned-identity':
        plain.dnd_cloned_identity_total++
        return
      case 'unreadable':
        plain.dnd_unreadable_records_total++
        return
      case 'reaped':
        plain.dnd_reaped_versions_total += note.versions
        return
      case 'amnesia':
        plain.dnd_amnesia_total++
        return
      case 'clock-lost':
        plain.dnd_lost_clocks_total++
        return
      case 'store-failed':
        plain.dnd_store_failures_total++
        return
      case 'many-siblings':
        plain.dnd_many_siblings_total++
        return
      case 'clock-skew':
        plain.dnd_clock_skew_total++
        return
      case 'cluster-keys':
        plain.dnd_key_changes_total++
        return
      // The rest is read from the node when somebody scrapes.
      case 'ready':
      case 'transfer-differs':
      case 'stalled':
      case 'degraded':
      case 'leaving':
      case 'replace-refused':
      case 'hints-delivered':
      case 'hints-dropped':
      case 'hints-full':
      case 'left':
        return
      default:
        return unreachable(note)
    }
  }
}

/** Counters, registered. */
export function noteCounters(registry: Registry): NoteCounters {
  const counters = new NoteCounters()
  for (const [name, help] of Object.entries(PLAIN) as [PlainName, string][])
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(counters.of(name))
      },
    })
  addLabelled(
    registry,
    'dnd_request_failures_total',
    'Requests that the cluster could not serve, by code.',
    'code',
    counters.failures,
  )
  addLabelled(
    registry,
    'dnd_member_changes_total',
    'Changes of state of members, by the new state.',
    'state',
    counters.memberChanges,
  )
  return counters
}

function addLabelled(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  counts: Counts,
): void {
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset()
      for (const [value, count] of counts.entries()) this.inc({ [label]: value }, count)
    },
  })
}
