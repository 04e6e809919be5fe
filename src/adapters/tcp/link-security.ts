/**
 * TLS between nodes: what a dialler and a listener ask of it.
 *
 * Without certificates the cluster's key is what both sides prove to have: TLS 1.2 with a
 * pre-shared key and an ephemeral Diffie-Hellman exchange (RFC 5489, RFC 7905), so that a key that
 * leaks later opens nothing recorded before. The caller names its key by id, the listener finds it
 * in its ring. Version 1.3 knows such keys, too, but there an unknown one is answered as if the
 * caller had none, and the operator would not hear what is wrong.
 *
 * With certificates both sides show one and trust what the given authority has signed. The names in
 * it mean nothing: an address is only an address, and who a node is says its hello. Both sides let
 * the handshake pass and judge the certificate afterwards, for a refusal in words travels only over
 * a connection that stands.
 *
 * The key of gossip and that of the links are derived apart (HKDF, RFC 5869), so that what one
 * protocol makes of it tells nothing about the other.
 *
 * One context serves all calls that we make, one server that does not listen all that we get: to
 * read certificates costs as much as a handshake, and strangers should not make us do it. Only the
 * ring is asked anew each time.
 *
 * Sessions are not resumed, since a resumed one would outlive the removal of its key, and nothing
 * is renegotiated.
 */
import { constants, hkdfSync } from 'node:crypto'
import type { ConnectionOptions, SecureContext, TLSSocket, TlsOptions } from 'node:tls'
import { createSecureContext } from 'node:tls'
import { DndError } from '../../core/errors.ts'
import type { ClusterKey, KeyId } from '../../core/node/cluster-key.ts'
import { KEY_BYTES, keyId } from '../../core/node/cluster-key.ts'
import { must } from '../../core/std/assert.ts'
import type { EncryptionMode, Keyring } from '../../runtime/ports.ts'

/** PEM. */
export interface Certificates {
  readonly cert: Buffer
  readonly key: Buffer
  /** Who signs the certificates of all nodes. */
  readonly ca: Buffer
}

export interface LinkSecurity {
  readonly keyring: Keyring
  /** undefined: both sides prove that they have the cluster's key. */
  readonly tls: Certificates | undefined
}

/** What a caller must be given to connect by TLS, and the id of the key that it proves to have. */
export interface CallerTls {
  readonly options: ConnectionOptions
  readonly key: KeyId | undefined
}

const COMMON = {
  minVersion: 'TLSv1.2',
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
} as const

const PSK = {
  ...COMMON,
  maxVersion: 'TLSv1.2',
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  // None, instead of those that the system trusts.
  ca: [] as string[],
} as const

export class LinkTls {
  readonly #keyring: Keyring
  readonly #tls: Certificates | undefined
  readonly #context: SecureContext

  /** Throws a `DndError` when the certificates are of no use. */
  constructor({ keyring, tls }: LinkSecurity) {
    this.#keyring = keyring
    this.#tls = tls
    try {
      this.#context = createSecureContext(tls === undefined ? PSK : { ...COMMON, ...tls })
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause)
      throw new DndError(
        'DND_ERR_BAD_CONFIG',
        `the certificate cannot be used (${problem}); check --tls-cert, --tls-key and --tls-ca`,
        { cause },
      )
    }
  }

  get mode(): EncryptionMode {
    return this.#keyring.mode
  }

  get hasCertificates(): boolean {
    return this.#tls !== undefined
  }

  get dialsEncrypted(): boolean {
    return this.mode === 'prefer' || this.mode === 'required'
  }

  isInstalled(key: KeyId): boolean {
    return this.#keyring.find(key) !== undefined
  }

  /** `wanted`: the key to use instead of the primary, if it is installed. */
  forCaller(wanted?: KeyId): CallerTls {
    const common = { secureContext: this.#context, checkServerIdentity: () => undefined }
    if (this.#tls !== undefined) {
      // Judged after the handshake, by `authorized`.
      return { options: { ...common, rejectUnauthorized: false }, key: undefined }
    }
    const other = wanted === undefined ? undefined : this.#keyring.find(wanted)
    const key = other ?? must(this.#keyring.primary, 'a key to encrypt with')
    const secret = { identity: key.id, psk: linkSecret(key) }
    return { options: { ...common, pskCallback: () => secret }, key: key.id }
  }

  /** `named` is told under which id a caller's key goes; undefined: a name that is no id. */
  forListener(named: (caller: TLSSocket, id: KeyId | undefined) => void): TlsOptions {
    if (this.#tls !== undefined) {
      return { ...COMMON, ...this.#tls, requestCert: true, rejectUnauthorized: false }
    }
    return {
      ...PSK,
      pskCallback: (caller, identity) => {
        const id = keyId(identity)
        named(caller, id)
        const key = id === undefined ? undefined : this.#keyring.find(id)
        return key === undefined ? null : linkSecret(key)
      },
    }
  }
}

function linkSecret(key: ClusterKey): Buffer {
  return Buffer.from(hkdfSync('sha256', key.secret, '', 'dnd link', KEY_BYTES))
}
