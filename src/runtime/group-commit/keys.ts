/**
 * Which keys a store takes; the same for every store, so that what runs on one runs on the others.
 */
import type { StoreOperation } from '../../core/ports.ts'

/** The engines take longer ones, for the store's own keys. */
export const STORE_KEY_BYTES_MAX = 1536

/**
 * Why these operations cannot be carried out whatever the state of the store; undefined when they
 * can.
 */
export function refusalOfKeys(operations: readonly StoreOperation[]): string | undefined {
  for (const operation of operations) {
    if (operation.type === 'clear') continue
    const { key } = operation
    if (key.length === 0 || key.length > STORE_KEY_BYTES_MAX)
      return `a key of ${key.length} bytes: 1 to ${STORE_KEY_BYTES_MAX} are possible`
    if (key[0] === 0) return "keys that begin with 0x00 are the store's own"
  }
  return undefined
}
