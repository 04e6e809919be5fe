/**
 * What somebody who looks at one key should be told in words, the most urgent first: whether the
 * replicas agree, what a read shows, and what is still to happen.
 */
import type { ReapWait } from '../../core/node/explanation.ts'
import { SIBLINGS_MAX, SIBLINGS_WARN } from '../../core/std/limits.ts'
import type {
  ExplainedReplicaJson,
  ExplainedVersionJson,
  ExplainJson,
  FindingJson,
} from './explain-json.ts'

type Found = Omit<ExplainJson, 'summary'>

const LEVELS = ['problem', 'note', 'ok'] as const

export function explainSummary(found: Found): readonly FindingJson[] {
  const findings = [
    ...brokenFindings(found),
    ...absenceFindings(found),
    ...agreementFindings(found),
    readFinding(found),
    ...waitFindings(found),
    ...hintFindings(found),
    ...(found.moving
      ? [note('The partition is moving: writes go to the nodes of both layouts.')]
      : []),
  ]
  return findings.toSorted((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level))
}

function brokenFindings({ replicas }: Found): FindingJson[] {
  const findings: FindingJson[] = []
  for (const { name, answer, clock } of replicas) {
    if (clock === 'incomplete')
      findings.push(
        problem(
          `${name} has lost what it had seen of the partition; nothing is read from it until it was compared with all other replicas.`,
        ),
      )
    else if (answer === 'unreadable')
      findings.push(
        problem(`The record on ${name} cannot be read; it is being mended from the others.`),
      )
    if (clock === 'doubtful')
      findings.push(
        note(
          `A record of the partition has broken on ${name}; until it was compared with all other replicas they take nothing on its word.`,
        ),
      )
  }
  return findings
}

function absenceFindings({ replicas }: Found): FindingJson[] {
  const down = namesOf(replicas.filter(({ answer }) => answer === 'down'))
  const silent = namesOf(replicas.filter(({ answer }) => answer === 'silent'))
  return [
    ...(down === '' ? [] : [note(`Not asked, because not up: ${down}.`)]),
    ...(silent === '' ? [] : [problem(`No answer in time from ${silent}.`)]),
  ]
}

/** Whether those who answered hold the same, and if not, who lacks what. */
function agreementFindings({ replicas, versions }: Found): FindingJson[] {
  const told = replicas.filter(({ answer }) => answer === 'found' || answer === 'absent')
  const findings: FindingJson[] = []
  for (const replica of told) {
    const missing = versions.filter(({ dot }) => replica.versions?.includes(dot) === false)
    const unseen = missing.filter(({ dot }) => !hasSeen(replica, dot))
    if (unseen.length > 0)
      findings.push(
        note(
          `${replica.name} lacks ${counted(unseen.length, 'version')}: a hint, a read or the next comparison brings ${unseen.length === 1 ? 'it' : 'them'}.`,
        ),
      )
  }
  findings.push(...supersededFindings(told, versions))
  if (findings.length > 0 || told.length < 2 || versions.length === 0) return findings
  return [ok(`The ${told.length} replicas that answered hold the same.`)]
}

/** What one holds and another knows to be over. */
function supersededFindings(
  told: readonly ExplainedReplicaJson[],
  versions: readonly ExplainedVersionJson[],
): FindingJson[] {
  // A delete that one replica has reaped and another has not is on its way, and told as that.
  const over = versions.filter(({ superseded, kind }) => superseded === true && kind === 'value')
  const findings: FindingJson[] = []
  for (const { name, versions: dots } of told) {
    const held = over.filter(({ dot }) => dots?.includes(dot)).length
    if (held > 0)
      findings.push(
        note(
          `${name} still holds ${counted(held, 'version')} of which another replica knows the end; a read or the next comparison takes ${held === 1 ? 'it' : 'them'} away.`,
        ),
      )
  }
  return findings
}

function readFinding({ versions, properties }: Found): FindingJson {
  const standing = versions.filter(({ superseded }) => superseded !== true)
  const last = properties.conflicts === 'lww' ? standing.slice(-1) : standing
  const shown = last.filter(({ kind, expired }) => kind === 'value' && expired !== true)
  if (shown.length > 1) return siblingsFinding(shown.length)
  if (shown.length === 1) return ok('A read of all replicas shows one value.')
  if (last.some(({ expired }) => expired === true))
    return ok('A read shows nothing: what was stored has expired.')
  return versions.length > 0
    ? ok('A read shows nothing: the key was deleted.')
    : ok(
        'No replica that answered holds anything of the key: it was never written, or its delete is complete.',
      )
}

function siblingsFinding(count: number): FindingJson {
  const merge = 'read them, merge them, and write the result with the context of that read'
  if (count >= SIBLINGS_MAX)
    return problem(
      `A read shows ${count} concurrent values, as many as there may be; writes that supersede none are refused: ${merge}.`,
    )
  if (count >= SIBLINGS_WARN)
    return problem(
      `A read shows ${count} concurrent values; from ${SIBLINGS_MAX} on writes that supersede none are refused: ${merge}.`,
    )
  return note(`A read shows ${count} concurrent values: ${merge}.`)
}

const WAIT_TEXT: Readonly<Record<ReapWait, string>> = {
  moving: 'the partition to have moved',
  doubt: 'a comparison with all other replicas, for its own record of the partition is in doubt',
  floor: 'every replica that is up to be known to have it, which comparisons tell',
  horizon: 'the deadline to have passed by the clocks of all replicas',
  base: 'the gaps in what it has seen of the partition to be closed, which a comparison does',
  turn: 'nothing but its turn',
}

function waitFindings({ replicas }: Found): FindingJson[] {
  const findings: FindingJson[] = []
  for (const [wait, text] of Object.entries(WAIT_TEXT)) {
    const waiting = namesOf(replicas.filter(({ waitsFor }) => waitsFor === wait))
    if (waiting !== '')
      findings.push(
        note(
          `What was deleted or has expired is still there on ${waiting}, and waits for ${text}.`,
        ),
      )
  }
  return findings
}

function hintFindings({ hints }: Found): FindingJson[] {
  return hints.map(({ onName, targetName, count, oldest }) =>
    note(
      `${onName} keeps ${counted(count, 'hint')} for ${targetName}, the oldest since ${oldest}; of which keys, they do not tell.`,
    ),
  )
}

function hasSeen({ seen }: ExplainedReplicaJson, dot: string): boolean {
  const [vnode = '', counter = ''] = dot.split(':')
  return (seen?.[vnode] ?? 0) >= Number(counter)
}

function namesOf(replicas: readonly ExplainedReplicaJson[]): string {
  return replicas.map(({ name }) => name).join(', ')
}

function counted(count: number, singular: string): string {
  return `${count} ${singular}${count === 1 ? '' : 's'}`
}

const ok = (text: string): FindingJson => ({ level: 'ok', text })
const note = (text: string): FindingJson => ({ level: 'note', text })
const problem = (text: string): FindingJson => ({ level: 'problem', text })
