/** Registers that belong to one node alone: whatever it proposes is chosen at once. */
import type { StoreOperation } from '../ports.ts'
import type { LayoutRegisters } from './layout-register.ts'
import type { Propose } from './registers.ts'

export class FakeRegisters implements LayoutRegisters {
  /** What was proposed. */
  readonly proposals: Propose[] = []
  readonly values: Map<string, Uint8Array> = new Map()
  /** Proposals wait until they are decided by hand. */
  isSlow = false

  propose(propose: Propose): void {
    this.proposals.push(propose)
    if (!this.isSlow) this.decide(propose)
  }

  decide({ key, change, done }: Propose): void {
    const current = this.values.get(key)
    const value = change(current)
    this.values.set(key, value)
    done({ outcome: 'chosen', value, isMade: value !== current })
  }

  accepted(key: string): Uint8Array | undefined {
    return this.values.get(key)
  }

  forget(): readonly StoreOperation[] {
    return []
  }
}
