/**
 * What one client process does with one key, in its order: a session.
 *
 * Terry, Demers, Petersen, Spreitzer, Theimer, Welch ("Session guarantees for weakly consistent
 * replicated data", PDIS 1994) name four things that a client misses in a store whose replicas
 * differ: to read its own writes, not to read less than before, to have its writes follow what it
 * had read, and to have them in order. Dynamo's descendants have them in so far as follows, and no
 * further; each guarantee has a file.
 *
 * They may be claimed because
 *
 * - a client waits for its reply: what it asks next begins after what it was told;
 * - r + w > n for the read and for the write concerned: of the replicas that answer the read, one
 *   had stored the write durably before it was acknowledged, and replicas merge, so that it still
 *   knows of it;
 * - fewer than w replicas lose their disks before that is mended; a read that asks a damaged disk
 *   before it is mended is not held to anything (`evidence.ts`).
 *
 * Where a write hands back the context of a read or of a write, what it has in its context it has
 * for ever: no copy can hold the one and not know of the other. That needs neither quorums nor
 * disks.
 *
 * What may not be claimed: that a client sees again what it was shown of a write that nobody has
 * acknowledged. One replica may hold it, a read finds it there and the next, which asks two others,
 * does not. A read would have to be written back before it is answered; read repair comes after.
 */
import type { VersionVector } from '../../src/core/versions/version.ts'
import type { WriteRecord } from '../history.ts'
import { coversAll, notReflected, shownBy, Successions } from './causality.ts'
import type { AnsweredGet, KeyEvidence } from './evidence.ts'

export type SessionStep = WriteRecord | AnsweredGet

/** Sorted once for all checkers. */
const sessionsOfKey = new WeakMap<KeyEvidence, ReadonlyMap<number, readonly SessionStep[]>>()

/** The sessions of a key by process, each in order. */
export function sessionsOf(key: KeyEvidence): ReadonlyMap<number, readonly SessionStep[]> {
  const known = sessionsOfKey.get(key)
  if (known !== undefined) return known
  const sessions = new Map<number, SessionStep[]>()
  for (const step of [...key.writes, ...key.gets]) {
    const session = sessions.get(step.process)
    if (session === undefined) sessions.set(step.process, [step])
    else session.push(step)
  }
  for (const session of sessions.values()) session.sort((a, b) => a.invoked - b.invoked)
  sessionsOfKey.set(key, sessions)
  return sessions
}

/**
 * What is wrong with `get` not showing `write`; undefined: it does, or what rightly replaced it.
 */
export function missing(
  key: KeyEvidence,
  write: WriteRecord,
  get: AnsweredGet,
): string | undefined {
  const { container } = get.result
  const wrong = notReflected(write, container, key.writes, get.returnedAtMs)
  if (wrong !== undefined || key.mode === 'lww') return wrong
  const successions = Successions.among(key.writes)
  return successions.accountsFor(write, shownBy(container), get.returned, get.returnedAtMs)
    ? undefined
    : 'nobody who had seen it wrote in its place'
}

/** A put whose value a read shows, with what its process had done last with the key before. */
export interface Shown {
  readonly get: AnsweredGet
  readonly write: WriteRecord
  readonly lastWrite: WriteRecord | undefined
  readonly lastGet: AnsweredGet | undefined
}

/**
 * Every value that every read shows. What its process did before its last steps was the concern of
 * those steps: it had to be reflected by them.
 */
export function* everyShown(key: KeyEvidence): Generator<Shown> {
  const before = new Map<number, Omit<Shown, 'get'>>()
  for (const session of sessionsOf(key).values()) {
    let lastWrite: WriteRecord | undefined
    let lastGet: AnsweredGet | undefined
    for (const step of session) {
      if (step.kind === 'get') lastGet = step
      else before.set(step.id, { write: step, lastWrite, lastGet })
      if (step.kind !== 'get' && step.outcome === 'ok') lastWrite = step
    }
  }
  for (const get of key.gets) {
    for (const id of shownBy(get.result.container)) {
      const about = before.get(id)
      if (about !== undefined) yield { get, ...about }
    }
  }
}

/** Whether `write` was made with a context that covers all that `vector` covers. */
export function builtOn(write: WriteRecord, vector: VersionVector): boolean {
  return write.supersedes !== undefined && coversAll(write.supersedes.context.vector, vector)
}
