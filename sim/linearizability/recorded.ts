/**
 * A recorded history of a simulated run as operations on registers, one for each key of the
 * last-writer-wins buckets. A put is a write of its value, a delete a write of nothing, a get shows
 * what it showed as live. What certainly did not happen is left out: a write that failed, a get
 * that was not answered.
 *
 * Nothing that the store offers today is linearizable, so a refusal of such a history is no bug: it
 * shows in which way eventual buckets are not. Keys with conditional writes will be held to it.
 */
import { valueText } from '../describe.ts'
import type { GetRecord, Operation, WriteRecord } from '../history.ts'
import { valueName } from '../history.ts'
import type { KeyedCall } from './by-key.ts'
import type { RegisterInput, RegisterOutput, RegisterValue } from './register.ts'

export type RecordedCall = KeyedCall<RegisterInput, RegisterOutput>

export function recordedCalls(operations: readonly Operation[]): readonly RecordedCall[] {
  return operations.flatMap((operation) => {
    if (operation.mode !== 'lww' || operation.outcome === 'fail') return []
    return operation.kind === 'get' ? readOf(operation) : [writeOf(operation)]
  })
}

function writeOf(write: WriteRecord): RecordedCall {
  const value = write.kind === 'put' ? valueName(write.id) : undefined
  const ok = write.outcome === 'ok'
  return {
    ...common(write),
    input: { type: 'write', value },
    output: ok ? { type: 'written' } : 'unknown',
    returned: ok ? write.returned : Infinity,
  }
}

function readOf(get: GetRecord): readonly RecordedCall[] {
  if (get.outcome !== 'ok' || get.result === undefined) return []
  const output = { type: 'read', value: shown(get.result.live) } as const
  return [{ ...common(get), input: { type: 'read' }, output, returned: get.returned }]
}

function common(operation: Operation): Pick<RecordedCall, 'id' | 'process' | 'key' | 'invoked'> {
  const { id, process, bucket, key, invoked } = operation
  return { id, process, key: `${bucket}/${key}`, invoked }
}

function shown(live: NonNullable<GetRecord['result']>['live']): RegisterValue {
  const value = live[0]?.value
  return value === undefined ? undefined : valueText(value.bytes)
}
