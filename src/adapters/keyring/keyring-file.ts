/**
 * The ring of this node: the cluster's keys as far as it knows them, in `keyring.json` of its data
 * directory, and how a key of the configuration meets them.
 *
 * A key is given when a node is born, and stays in its configuration while the cluster's keys move
 * on. If the configured key always won, an old one would lock the node out at its next start; if
 * the file always won, a node that missed a rotation could not be given the new key but by deleting
 * the file (as it was with Consul). So:
 *
 * - The file does not know the key: it joins the ring and becomes the primary of this node, with
 *   stamps of zero. That lets a node in that missed a rotation; and whatever the cluster itself has
 *   said of its keys has a greater stamp and wins as soon as it is heard.
 * - The file knows it, as installed or as removed: the file stands. It has heard of this key, and
 *   what it says is newer than the configuration.
 *
 * The file is written beside itself, synced, and renamed over the old one, whose folder is then
 * synced: after a crash at any moment there is the old ring or the new one, whole.
 */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { DndError } from '../../core/errors.ts'
import type { ClusterKey, KeyEntry, KeyId, KeyringState } from '../../core/node/cluster-key.ts'
import { primaryOf } from '../../core/node/key-ring.ts'
import { equalBytes } from '../../core/std/bytes.ts'
import { ZERO_STAMP } from '../../core/versions/stamp.ts'
import type { EncryptionMode, Keyring } from '../../runtime/ports.ts'
import { KEYRING_FORMAT, keyringText, parseKeyring } from './keyring-json.ts'

export const KEYRING_FILE = 'keyring.json'
const OWNER_ONLY = 0o600
const NOTHING: KeyringState = { entries: [], primary: undefined }

export interface KeyringOptions {
  /** Of the file; undefined: the ring is not kept. */
  readonly path: string | undefined
  readonly mode: EncryptionMode
  /** The key of the configuration. */
  readonly configured: ClusterKey | undefined
}

export class KeyringFile implements Keyring {
  readonly mode: EncryptionMode
  readonly #path: string | undefined
  #state: KeyringState = NOTHING
  #primary: ClusterKey | undefined
  // Those of #state that are installed. Bounded by: #state, which the core keeps to
  // KEYS_MAX.
  #keys: ReadonlyMap<KeyId, ClusterKey> = new Map()

  /**
   * The ring as `open` would give it, without writing anything: for asking seeds before the data
   * directory is this process's own. Throws a `DndError` as `open` does.
   */
  static peek(options: KeyringOptions): KeyringFile {
    const kept = options.path === undefined ? undefined : readRing(options.path)
    return new KeyringFile(options, met(kept ?? NOTHING, options.configured))
  }

  /**
   * Reads the file, and writes it when the configuration has added a key. Throws a `DndError` when
   * the file is damaged or cannot be written, or when there is no key and the mode needs one.
   */
  static open(options: KeyringOptions): KeyringFile {
    const { path } = options
    const kept = (path === undefined ? undefined : readRing(path)) ?? NOTHING
    const state = met(kept, options.configured)
    const ring = new KeyringFile(options, state)
    // Not where encryption is off: a node without that setting takes a ring for a wish to encrypt.
    if (path !== undefined && state !== kept && ring.mode !== 'off') writeOrThrow(path, state)
    return ring
  }

  private constructor({ path, mode }: KeyringOptions, state: KeyringState) {
    this.mode = mode
    this.#path = path
    this.#take(state)
    if (mode === 'off' || this.#primary !== undefined) return
    const where = path === undefined ? '' : ` and ${path} has none`
    throw new DndError(
      'DND_ERR_BAD_CONFIG',
      `encryption is "${mode}", but no key is configured${where}: give the cluster's with --key-file, or make one with "dnd keys generate"`,
    )
  }

  get primary(): ClusterKey | undefined {
    return this.mode === 'off' ? undefined : this.#primary
  }

  get state(): KeyringState {
    return this.#state
  }

  find(id: KeyId): ClusterKey | undefined {
    return this.#keys.get(id)
  }

  /**
   * Durable before it returns, and in effect for the next packet and link. The reason when it
   * cannot be stored; then everything stays as it was.
   */
  install(state: KeyringState): string | undefined {
    if (this.mode !== 'off' && primaryOf(state) === undefined)
      return 'the ring would be left without a key'
    const failure = this.#path === undefined ? undefined : writeRing(this.#path, state)
    if (failure !== undefined) return `${this.#path}: ${failure.message}`
    this.#take(state)
    return undefined
  }

  #take(state: KeyringState): void {
    const keys = new Map<KeyId, ClusterKey>()
    for (const { id, secret } of state.entries) {
      const known = this.#keys.get(id)
      // The same object for the same key: what is derived from keys is kept by it.
      if (secret === undefined) continue
      const isKnown = known !== undefined && equalBytes(known.secret, secret)
      keys.set(id, isKnown ? known : { id, secret })
    }
    const primary = primaryOf(state)
    this.#keys = keys
    this.#primary = primary && keys.get(primary)
    this.#state = state
  }
}

/** The ring after the key of the configuration has met it. */
function met(state: KeyringState, configured: ClusterKey | undefined): KeyringState {
  if (configured === undefined) return state
  const { id, secret } = configured
  if (state.entries.some((entry) => entry.id === id)) return state
  const added: KeyEntry = { id, stamp: ZERO_STAMP, secret }
  const entries = [...state.entries, added].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return { entries, primary: { id, stamp: ZERO_STAMP } }
}

/** undefined: there is no such file. */
function readRing(path: string): KeyringState | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    // Without its folder there is no file either; what stands in the folder's place is told by
    // whoever opens it.
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    const advice = 'make it readable for this user'
    throw new DndError('DND_ERR_DATA_UNWRITABLE', `cannot read ${path}: ${message}; ${advice}`, {
      cause,
    })
  }
  const parsed = parseKeyring(text)
  if (parsed.ok) return parsed.state
  if (parsed.reason === 'newer-format')
    throw new DndError(
      'DND_ERR_DATA_NEWER_FORMAT',
      `${path} has format ${parsed.format}, and this dnd reads formats up to ${KEYRING_FORMAT}: use the version of dnd that wrote it, or a newer one`,
    )
  throw new DndError(
    'DND_ERR_DATA_CORRUPT',
    `${path} cannot be read (${parsed.what}): restore it from a backup, or delete it and start the node with the key that the cluster uses now (--key-file)`,
  )
}

function writeOrThrow(path: string, state: KeyringState): void {
  const cause = writeRing(path, state)
  if (cause === undefined) return
  const advice = 'make the folder writable for this user, or free space on its disk'
  throw new DndError(
    'DND_ERR_DATA_UNWRITABLE',
    `cannot write ${path}: ${cause.message}; ${advice}`,
    {
      cause,
    },
  )
}

/** undefined when it is durable. */
function writeRing(path: string, state: KeyringState): Error | undefined {
  const temporary = `${path}.tmp`
  try {
    withFile(temporary, 'w', (file) => {
      // Also where the file was left by a crash, with whatever permissions.
      fchmodSync(file, OWNER_ONLY)
      writeFileSync(file, keyringText(state))
      fsyncSync(file)
    })
    renameSync(temporary, path)
    withFile(dirname(path), 'r', fsyncSync)
    return undefined
  } catch (error) {
    return error as Error
  }
}

function withFile(path: string, flags: 'r' | 'w', work: (file: number) => void): void {
  const file = openSync(path, flags, OWNER_ONLY)
  try {
    work(file)
  } finally {
    closeSync(file)
  }
}
