/**
 * Questions to the HTTP of other nodes. Where a member has told that its HTTP is encrypted, it must
 * show a certificate for the address at which it is asked: of an authority that the configuration
 * names, or of one that the system trusts, or the very certificate that this node has itself.
 */
import { Agent, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Agent as SecureAgent, get as secureGet } from 'node:https'
import { createSecureContext, rootCertificates } from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { MemberInfo } from '../../core/membership/member.ts'
import { TLS_MIN_VERSION } from './certificate.ts'
import type { Certificate, CertificatePair } from './certificate.ts'

const TIMEOUT_MS = 2_000
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
/** Connections to other nodes at once; beyond them questions wait, and time out. */
const CONNECTIONS_MAX = 32
/** Connections that nobody uses do not keep the process running. */
const POOL = { keepAlive: true, maxTotalSockets: CONNECTIONS_MAX, maxFreeSockets: 8 }

export interface PeerAnswer {
  readonly status: number
  readonly type: string
  readonly body: Uint8Array
}

export class Peers {
  readonly #ca: Buffer | undefined
  readonly #certificate: Certificate | undefined
  readonly #plain = new Agent(POOL)
  readonly #secure = new SecureAgent({ ...POOL, maxCachedSessions: 0 })
  #trusted: { own: CertificatePair | undefined; secureContext: SecureContext } | undefined

  constructor(ca?: Buffer, certificate?: Certificate) {
    this.#ca = ca
    this.#certificate = certificate
  }

  /**
   * Gets `path` from a member, who looks again at who asks. Rejects with a reason for people.
   */
  ask(member: MemberInfo, path: string, authorization?: string): Promise<PeerAnswer> {
    return new Promise((resolve, reject) => {
      const { host, port } = member.httpAddress
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const headers = authorization === undefined ? {} : { authorization }
      const options = { host, port, path, headers, signal }
      const onAnswer = (answer: IncomingMessage): void => {
        collect(answer).then(resolve, reject)
      }
      const request =
        member.httpEncrypted === true
          ? secureGet({ ...options, agent: this.#secure, ...this.#trust() }, onAnswer)
          : get({ ...options, agent: this.#plain }, onAnswer)
      request.on('error', (error: NodeJS.ErrnoException) => {
        reject(signal.aborted ? new Error(`not within ${TIMEOUT_MS} ms`) : error)
      })
    })
  }

  close(): void {
    this.#plain.destroy()
    this.#secure.destroy()
  }

  /** Made once for each certificate of our own: there are many authorities. */
  #trust(): { readonly secureContext: SecureContext } {
    const own = this.#certificate?.pair
    if (this.#trusted === undefined || this.#trusted.own !== own) {
      const others = own === undefined ? rootCertificates : [...rootCertificates, own.cert]
      const ca = this.#ca ?? [...others]
      this.#trusted = {
        own,
        secureContext: createSecureContext({ ca, minVersion: TLS_MIN_VERSION }),
      }
    }
    return { secureContext: this.#trusted.secureContext }
  }
}

async function collect(response: IncomingMessage): Promise<PeerAnswer> {
  // Bounded by: ANSWER_BYTES_MAX in bytes.
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new Error('its answer does not end')
    chunks.push(chunk)
  }
  const { statusCode = 0, headers } = response
  if (statusCode !== 200) throw new Error(`it answered ${statusCode}`)
  return {
    status: statusCode,
    type: headers['content-type'] ?? 'application/octet-stream',
    body: Buffer.concat(chunks, bytes),
  }
}
