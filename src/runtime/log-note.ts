/**
 * What a node notes, as lines of the log: what happens to the cluster and to its data for whoever
 * looks on, and what somebody should look after as errors. What is only counted has no line.
 */
import type { Note } from '../core/node/events.ts'
import type { LeavePhase } from '../core/node/leaving.ts'
import { unreachable } from '../core/std/assert.ts'
import type { Log } from './ports.ts'

const LEAVE_TEXT: Readonly<Record<LeavePhase, string>> = {
  waiting: 'leaving: waits for a layout without this node',
  moving: 'leaving: the other nodes take over its data',
  telling: 'leaving: the other nodes have its data; waits until all of them know',
  left: 'leaving: says goodbye',
}

/** What is wrong, or was, with this node or around it. */
type Trouble = Extract<
  Note,
  {
    readonly type:
      | 'replace-refused'
      | 'refuted'
      | 'cloned-identity'
      | 'stalled'
      | 'degraded'
      | 'unreadable'
      | 'amnesia'
      | 'clock-lost'
      | 'store-failed'
      | 'clock-skew'
      | 'peer-misbehaved'
  }
>

export function logNote(log: Log, note: Note): void {
  switch (note.type) {
    case 'member':
      return log.info(`${note.member.name} is ${note.to}`, {
        member: note.member.id,
        was: note.from,
      })
    case 'layout':
      return log.info(`layout ${note.version} is ${note.phase}`)
    case 'transferred':
      return log.debug('partition received', { partition: note.partition, records: note.records })
    case 'transfer-differs': {
      const where = { partition: note.partition, source: note.source }
      const what = 'a partition was not read out as its source holds it'
      if (note.again) return log.info(`${what}: it is read once more`, where)
      return log.error(`${what}, twice: it is compared with its replicas after the move`, where)
    }
    case 'ready':
      return log.info('ready')
    case 'cluster-keys':
      return log.info('the keys of this node have changed', {
        keys: note.keys,
        primary: note.primary,
      })
    case 'leaving':
      return log.info(LEAVE_TEXT[note.phase])
    case 'left':
      return log.info('this node has left the cluster')
    case 'hints-delivered':
      return log.info('hints delivered', { target: note.target, hints: note.hints })
    case 'hints-dropped':
      return log.info(
        note.reason === 'age'
          ? 'hints were too old to be kept: anti-entropy brings what they would have brought'
          : 'hints are damaged: anti-entropy brings what they would have brought',
        { target: note.target, hints: note.hints },
      )
    case 'hints-full':
    case 'many-siblings':
    case 'reaped':
    case 'read-repair':
    case 'request-failed':
    case 'hedged':
    case 'forwarded':
      return
    default:
      return logTrouble(log, note)
  }
}

function logTrouble(log: Log, note: Trouble): void {
  switch (note.type) {
    case 'replace-refused':
      return log.error(`this node cannot take the place of another: ${note.reason}`)
    case 'refuted':
      return log.info('refuted a suspicion about this node', { incarnation: note.incarnation })
    case 'cloned-identity':
      return log.error(
        "another process runs with this node's identity: was its data directory copied?",
        { ...note.address },
      )
    case 'stalled':
      return log.info('this process stood still; it accuses nobody of the silence', {
        seconds: Math.round(note.gap / 100) / 10,
      })
    case 'degraded':
      return log.info(
        note.isDegraded
          ? 'this node is slow or badly connected: the others ask somebody else first'
          : 'this node is well again',
      )
    case 'unreadable':
      return log.error('a record is damaged and is being repaired from its replicas', {
        key: Buffer.from(note.key).toString('latin1'),
      })
    case 'amnesia':
      return log.error(
        'this data directory has forgotten writes that it made: was it restored from a backup?',
        {
          partition: note.partition,
        },
      )
    case 'clock-lost':
      return log.error(
        'what this node has seen of a partition cannot be read; it is filled from its replicas',
        { partition: note.partition },
      )
    case 'store-failed':
      return log.error('the store could not write', { reason: note.reason })
    case 'clock-skew':
      return log.error('a clock is ahead of ours: check time synchronisation', {
        peer: note.peer,
        aheadMs: note.aheadMs,
      })
    case 'peer-misbehaved':
      return log.error('a peer sent what it must not', { peer: note.peer, what: note.what })
    default:
      return unreachable(note)
  }
}
