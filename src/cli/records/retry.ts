/** Trying again what may succeed later. */
import { setTimeout as sleep } from 'node:timers/promises'
import { DndClientError } from '../../../packages/client/src/client.ts'

const BACKOFF_MS_MIN = 50
const BACKOFF_MS_MAX = 5000

/**
 * Doubling, with chance so that those who failed together do not come back together; at least what
 * the node asks for.
 */
export function pauseMs(attempt: number, failure: DndClientError): number {
  const backoff = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** attempt)
  const asked = Math.min(failure.retryAfterMs ?? 0, BACKOFF_MS_MAX)
  return Math.max(asked, backoff * (0.5 + Math.random() / 2))
}

/** Repeats a read until it succeeds, cannot succeed, or has failed for so long. */
export async function retrying<T>(
  read: () => Promise<T>,
  giveUpAfterMs: number,
  isStopped: () => boolean,
): Promise<T> {
  const startedMs = Date.now()
  for (let attempt = 0; ; attempt++) {
    try {
      return await read()
    } catch (error) {
      const hopeless = !(error instanceof DndClientError) || !error.retryable
      if (hopeless || isStopped() || Date.now() - startedMs > giveUpAfterMs) throw error
      await sleep(pauseMs(attempt, error))
    }
  }
}
