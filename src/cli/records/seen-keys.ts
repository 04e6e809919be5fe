/**
 * Which keys an import has met, to count duplicates: one 53-bit hash for each in an open-addressing
 * table (Knuth, TAOCP vol. 3, 6.4, linear probing), eight bytes a slot, at most half full. A
 * million keys make a false duplicate with a chance of about one in 18,000; and beyond the bound
 * nothing more is remembered, so the count is then a lower bound.
 */
export const KEYS_REMEMBERED_MAX: number = 4 * 1024 * 1024

export class SeenKeys {
  /** 0: empty. Bounded by: twice `#max`. */
  #slots = new Float64Array(1024)
  #count = 0
  readonly #max: number

  constructor(max: number = KEYS_REMEMBERED_MAX) {
    this.#max = max
  }

  /** Whether every key so far could be remembered. */
  get complete(): boolean {
    return this.#count < this.#max
  }

  /** Whether it was there before. */
  add(key: string, sort: string | undefined): boolean {
    const hash = hash53(sort === undefined ? key : `${key}\u0000${sort}`)
    const at = this.#find(this.#slots, hash)
    if (this.#slots[at] === hash) return true
    if (!this.complete) return false
    this.#slots[at] = hash
    this.#count++
    if (this.#count * 2 > this.#slots.length) this.#grow()
    return false
  }

  #find(slots: Float64Array, hash: number): number {
    let at = hash % slots.length
    while (slots[at] !== 0 && slots[at] !== hash) at = (at + 1) % slots.length
    return at
  }

  #grow(): void {
    const slots = new Float64Array(this.#slots.length * 2)
    for (const hash of this.#slots) if (hash !== 0) slots[this.#find(slots, hash)] = hash
    this.#slots = slots
  }
}

/** Two multiplicative 32-bit hashes side by side, mixed at the end; never 0. */
function hash53(text: string): number {
  let a = 0x9e37_79b9
  let b = 0x85eb_ca6b
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 0x9e37_79b1)
    b = Math.imul(b ^ code, 0x5f35_6495)
  }
  a = Math.imul(a ^ (a >>> 16), 0x85eb_ca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2_ae35)
  b = Math.imul(b ^ (b >>> 16), 0x85eb_ca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2_ae35)
  return 0x1_0000_0000 * (b & 0x1f_ffff) + (a >>> 0) || 1
}
