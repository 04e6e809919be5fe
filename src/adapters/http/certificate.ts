/**
 * The certificate with which clients are met, from two files that others renew.
 *
 * Whoever renews a certificate writes two files, one after the other, or swaps a link to their
 * folder. Watching by the system misses the second and is told too early of the first. So the files
 * are looked at now and then, by what `stat` says of them; what has changed and then stayed the
 * same for one more look is read. Only a pair that fits takes the place of the one before it: a
 * broken one is told in the log, once for each change, and clients go on meeting the old one.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { DndError } from '../../core/errors.ts'
import type { Log } from '../../runtime/ports.ts'

const LOOK_MS = 1_000
/** More is a mistaken path. */
const FILE_BYTES_MAX = 1024 * 1024
export const TLS_MIN_VERSION = 'TLSv1.2'

export interface CertificateFiles {
  /** Paths of PEM files; the first holds the certificate, and who signed it behind it. */
  readonly cert: string
  readonly key: string
}

export interface CertificatePair {
  readonly cert: Buffer
  readonly key: Buffer
}

export class Certificate {
  readonly #files: CertificateFiles
  readonly #log: Log
  #pair: CertificatePair
  #expiresMs: number
  /** What `stat` said of the files that were read last, and at the last look. */
  #read: string
  #seen: string
  #timer: NodeJS.Timeout | undefined
  #onChange: (pair: CertificatePair) => void = () => undefined

  private constructor(files: CertificateFiles, log: Log) {
    this.#files = files
    this.#log = log
    this.#read = this.#seen = marks(files)
    this.#pair = readPair(files)
    this.#expiresMs = expiry(this.#pair)
  }

  /** Throws a `DndError` when the files hold no pair that fits. */
  static open(files: CertificateFiles, log: Log): Certificate {
    const certificate = new Certificate(files, log)
    certificate.#tell('the certificate for HTTP')
    return certificate
  }

  get pair(): CertificatePair {
    return this.#pair
  }

  /** When it ends, milliseconds since 1970. */
  get expiresMs(): number {
    return this.#expiresMs
  }

  /** Looks at the files from now on, until `close`. */
  watch(onChange: (pair: CertificatePair) => void): void {
    this.#onChange = onChange
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Reads the files now. False: they hold no pair that fits, and the one before stays. */
  reload(): boolean {
    this.#read = this.#seen = marks(this.#files)
    try {
      const pair = readPair(this.#files)
      const expiresMs = expiry(pair)
      this.#onChange(pair)
      this.#pair = pair
      this.#expiresMs = expiresMs
      this.#tell('a new certificate for HTTP')
      return true
    } catch (error) {
      this.#log.error('the new certificate for HTTP cannot be used; the old one stays', { error })
      return false
    }
  }

  #look(): void {
    const now = marks(this.#files)
    const isSettled = now === this.#seen
    this.#seen = now
    if (isSettled && now !== this.#read) this.reload()
  }

  #tell(what: string): void {
    const { subject, serialNumber } = new X509Certificate(this.#pair.cert)
    const until = new Date(this.#expiresMs).toISOString()
    this.#log.info(what, { subject: subject.replaceAll('\n', ', '), serialNumber, until })
  }
}

/** Changes with the files; what is wrong with them is told when they are read. */
function marks({ cert, key }: CertificateFiles): string {
  return [cert, key]
    .map((path) => {
      const { ino, size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {}
      return `${ino}:${size}:${mtimeMs}`
    })
    .join(' ')
}

function readPair(files: CertificateFiles): CertificatePair {
  const pair = { cert: readPem('httpCert', files.cert), key: readPem('httpKey', files.key) }
  const bad = (field: string, path: string, what: string, cause: unknown): DndError =>
    new DndError('DND_ERR_BAD_CONFIG', `${field}: ${path} ${what}`, { cause })
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pair.cert)
  } catch (cause) {
    throw bad('httpCert', files.cert, 'holds no certificate', cause)
  }
  let fits: boolean
  try {
    fits = certificate.checkPrivateKey(createPrivateKey(pair.key))
  } catch (cause) {
    throw bad('httpKey', files.key, 'holds no private key that can be read', cause)
  }
  if (!fits) throw bad('httpKey', files.key, `is not the key of ${files.cert}`, undefined)
  try {
    createSecureContext({ ...pair, minVersion: TLS_MIN_VERSION })
  } catch (cause) {
    throw bad('httpCert', files.cert, `cannot be used for TLS: ${(cause as Error).message}`, cause)
  }
  return pair
}

function expiry({ cert }: CertificatePair): number {
  return Date.parse(new X509Certificate(cert).validTo)
}

function readPem(field: string, path: string): Buffer {
  let problem = 'is larger than 1 MiB'
  try {
    if (statSync(path).size <= FILE_BYTES_MAX) {
      const bytes = readFileSync(path)
      if (bytes.includes('-----BEGIN ')) return bytes
      problem = 'is not PEM ("-----BEGIN …")'
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    problem = `cannot be read (${code}); check the path and its permissions`
  }
  throw new DndError('DND_ERR_BAD_CONFIG', `${field}: ${path} ${problem}`)
}
