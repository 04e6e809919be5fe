/**
 * Feature flags that every process knows: asked for without waiting, and changed everywhere within
 * moments of a change anywhere.
 *
 * A watch says what changes from now on, and a reading of the bucket what there is. The watch comes
 * first: what changes during the reading waits in it, and is told afterwards.
 */
import type { Bucket, Codec, NodeServer } from 'dnd'

/** As people write them: `dnd put dark-mode on --bucket flags`. */
const onOff: Codec<boolean> = {
  encode: (isOn) => ({ data: isOn ? 'on' : 'off', contentType: 'text/plain; charset=utf-8' }),
  decode: (bytes) => {
    const text = new TextDecoder().decode(bytes).trim()
    if (text !== 'on' && text !== 'off')
      throw new TypeError(`a flag is "on" or "off", not "${text}"`)
    return text === 'on'
  },
}

export interface FlagsOptions {
  /** Called with each change, and with undefined for a flag that is gone. */
  readonly onChange?: (name: string, isOn: boolean | undefined) => void
  /** What is stored is no flag; the flag stays as it was. */
  readonly onInvalid?: (name: string, error: Error) => void
}

export class Flags {
  readonly #bucket: Bucket<boolean>
  readonly #options: FlagsOptions
  readonly #flags = new Map<string, boolean>()
  /** Names found by a reading that goes on; what is not among them is gone. */
  #found: Set<string> | undefined

  private constructor(bucket: Bucket<boolean>, options: FlagsOptions) {
    this.#bucket = bucket
    this.#options = options
  }

  /** Resolves when all flags are known; follows them until the node stops. */
  static open(node: NodeServer, options: FlagsOptions = {}): Promise<Flags> {
    const flags = new Flags(node.bucket('flags', { codec: onOff }), options)
    return new Promise((resolve, reject) => {
      flags.#follow(() => resolve(flags)).catch(reject)
    })
  }

  /** Off when nobody has said so. Never waits: this process knows. */
  isOn(name: string): boolean {
    return this.#flags.get(name) ?? false
  }

  async set(name: string, isOn: boolean): Promise<void> {
    await this.#bucket.put(name, isOn, { idempotent: true })
  }

  async #follow(onReady: () => void): Promise<void> {
    for await (const event of this.#bucket.watch())
      switch (event.type) {
        case 'ready':
          await this.#readAll()
          onReady()
          break
        case 'change':
          if (event.entry.status === 'found') this.#learn(event.entry.key, event.entry.value)
          else this.#learn(event.entry.key, undefined)
          break
        case 'invalid':
          this.#found?.add(event.key)
          this.#options.onInvalid?.(event.key, event.error)
          break
        case 'snapshot':
          this.#found = new Set()
          break
        case 'snapshot-end':
          for (const name of this.#flags.keys())
            if (this.#found?.has(name) === false) this.#learn(name, undefined)
          this.#found = undefined
          break
      }
  }

  async #readAll(): Promise<void> {
    const names: string[] = []
    for await (const { key } of this.#bucket.list()) names.push(key)
    const entries = await this.#bucket.batch(names.map((key) => ({ type: 'get', key })))
    for (const entry of entries)
      if (entry.status === 'found') this.#learn(entry.key, entry.value)
      else if (entry.status === 'failed') this.#options.onInvalid?.(entry.key, entry.error)
  }

  #learn(name: string, isOn: boolean | undefined): void {
    this.#found?.add(name)
    // A change may be told more than once.
    if (this.#flags.get(name) === isOn) return
    if (isOn === undefined) this.#flags.delete(name)
    else this.#flags.set(name, isOn)
    this.#options.onChange?.(name, isOn)
  }
}
