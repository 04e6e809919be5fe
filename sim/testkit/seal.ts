/**
 * Contexts as an app carries them: the same sealed tokens that a real node gives out, made by the
 * same code of the core, under a key of the simulated cluster. So a token of another key, of
 * another world or of somebody's own making is refused as it would be.
 */
import { createHmac } from 'node:crypto'
import { DndError } from '../../src/core/errors.ts'
import { listingKey } from '../../src/core/node/storage-keys.ts'
import type { ClusterId } from '../../src/core/std/ids.ts'
import type { ContextBinding, ContextProblem } from '../../src/core/versions/context-token.ts'
import { decodeContextToken, encodeContextToken } from '../../src/core/versions/context-token.ts'
import type { Context } from '../../src/core/versions/version.ts'

const PROBLEMS: Readonly<Record<ContextProblem['problem'], string>> = {
  malformed: 'it is not a context',
  'wrong-cluster': 'it comes from another cluster',
  'wrong-key': 'it belongs to another key',
  forged: 'it was not given out by this cluster',
  'too-large': 'it is too long',
}

export class Seal {
  readonly #cluster: ClusterId

  constructor(cluster: ClusterId) {
    this.#cluster = cluster
  }

  /** The context in a token; throws for one that this cluster did not give out for this key. */
  open(token: string, bucket: string, key: Uint8Array, sort: Uint8Array | undefined): Context {
    // `Buffer.from` skips what is not base64url.
    if (!/^[A-Za-z0-9_-]+$/.test(token)) throw bad('malformed')
    const bytes = Buffer.from(token, 'base64url')
    const context = decodeContextToken(bytes, this.#binding(bucket, key, sort), this.#mac)
    if ('problem' in context) throw bad(context.problem)
    return context
  }

  close(context: Context, bucket: string, key: Uint8Array, sort: Uint8Array | undefined): string {
    const bytes = encodeContextToken(context, this.#binding(bucket, key, sort), this.#mac)
    return Buffer.from(bytes).toString('base64url')
  }

  #binding(bucket: string, key: Uint8Array, sort: Uint8Array | undefined): ContextBinding {
    return { cluster: this.#cluster, bucket, key: listingKey(key, sort) }
  }

  readonly #mac = (bytes: Uint8Array): Uint8Array =>
    createHmac('sha256', `dnd testkit ${this.#cluster}`).update(bytes).digest().subarray(0, 8)
}

function bad(problem: ContextProblem['problem']): DndError {
  return new DndError('DND_ERR_BAD_CONTEXT', `the context cannot be used: ${PROBLEMS[problem]}`)
}
