/** From what the node answers to what the app gets. */
import { tokenOfContext } from '../../adapters/http/key.ts'
import { momentText } from '../../adapters/http/lifetime.ts'
import { getResult, writeResult } from '../../adapters/http/reply.ts'
import type { NodeSite } from '../../adapters/http/site.ts'
import { isLive } from '../../adapters/http/value-json.ts'
import { siblingsWarning } from '../../core/node/conflicts.ts'
import type { ClientReply } from '../../core/node/events.ts'
import { must } from '../../core/std/assert.ts'
import type { Context, Value, Version } from '../../core/versions/version.ts'
import { stored } from '../../../packages/client/src/operations.ts'
import type {
  GetResult,
  StoredValue,
  WriteResult,
} from '../../../packages/client/src/operations.ts'
import { failureOf } from './failures.ts'
import type { KeyRequest } from './key-requests.ts'

/** @throws DndClientError */
export function answerTo(
  site: Pick<NodeSite, 'cluster' | 'mac'>,
  request: KeyRequest,
  reply: ClientReply,
): GetResult | WriteResult {
  const token = (context: Context | undefined): string | undefined =>
    context && tokenOfContext(site, request.bucket, request.key, request.sort, context)
  if (request.type !== 'get') {
    const result = writeResult(reply)
    if (!result.ok) throw failureOf(result, true)
    const { siblings } = result
    return stored(
      token(result.context),
      siblings === undefined ? undefined : siblingsWarning(siblings),
    )
  }
  const result = getResult(reply)
  if (!result.ok) throw failureOf(result, false)
  const context = token(result.context)
  const values = valuesOf(result.live)
  const [only] = values
  if (only === undefined) return { status: 'absent', context }
  if (values.length === 1) return { status: 'found', ...only, context }
  return { status: 'siblings', siblings: values, context: must(context, 'the context of siblings') }
}

export function valuesOf(live: readonly Version[]): StoredValue[] {
  return live.filter(isLive).map(({ value }) => storedValue(value))
}

function storedValue({ bytes, contentType, metadata, expiresAtMs }: Value): StoredValue {
  return {
    // A copy: what the app does to it must not reach the store.
    bytes: new Uint8Array(bytes),
    contentType,
    metadata: Object.fromEntries(metadata),
    ...(expiresAtMs === 0 ? {} : { expiresAt: momentText(expiresAtMs) }),
  }
}
