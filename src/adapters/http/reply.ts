/**
 * The result in a reply. The node answers every request with the reply of its kind; anything else
 * is our bug.
 */
import type { WriteResult } from '../../core/coordinator/messages.ts'
import type { ClientReply, ConfigureResult, GetResult, ListResult } from '../../core/node/events.ts'
import { assert } from '../../core/std/assert.ts'

export function writeResult(reply: ClientReply): WriteResult {
  assert(reply.type === 'write', `a write was answered by ${reply.type}`)
  return reply.result
}

export function getResult(reply: ClientReply): GetResult {
  assert(reply.type === 'get', `a get was answered by ${reply.type}`)
  return reply.result
}

export function listResult(reply: ClientReply): ListResult {
  assert(reply.type === 'list', `a listing was answered by ${reply.type}`)
  return reply.result
}

export function configureResult(reply: ClientReply): ConfigureResult {
  assert(reply.type === 'configure-bucket', `a bucket's change was answered by ${reply.type}`)
  return reply.result
}
