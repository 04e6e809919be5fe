/**
 * JSON that a client sends: well-formed UTF-8, of the shape that a schema says, with a sentence for
 * the first thing that is wrong. Fields that no schema knows are refused, as unknown query
 * parameters are.
 */
import { isUtf8 } from 'node:buffer'
import type { BaseIssue, BaseSchema, InferOutput } from 'valibot'
import { safeParse } from 'valibot'
import { DndError } from '../../core/errors.ts'

export type Schema = BaseSchema<unknown, unknown, BaseIssue<unknown>>

export function parseJson(body: Uint8Array): unknown {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  if (!isUtf8(bytes)) throw badJson('the body is not UTF-8')
  try {
    return JSON.parse(bytes.toString())
  } catch (error) {
    throw badJson(`the body is not JSON: ${(error as Error).message}`)
  }
}

/**
 * `value`, which is an object of the shape; throws with the place and the reason otherwise.
 * `place`: what `value` is called.
 */
export function shaped<S extends Schema>(schema: S, value: unknown, place: string): InferOutput<S> {
  // Schemas take a list for an object whose fields are all optional.
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badJson(`${place} is wrong: a JSON object is wanted`)
  const result = safeParse(schema, value, { abortEarly: true })
  if (result.success) return result.output
  throw badJson(sentence(result.issues[0], place))
}

export function badJson(message: string): DndError {
  return new DndError('DND_ERR_BAD_JSON', message)
}

function sentence(issue: BaseIssue<unknown>, place: string): string {
  const path = issue.path?.map((item) => `.${String(item.key).slice(0, 64)}`).join('') ?? ''
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return `${place}${path} is not a field that is known here`
  if (issue.type === 'strict_object' && issue.received === 'undefined')
    return `${place}${path} is missing`
  return `${place}${path} is wrong: ${issue.message}`
}
