/**
 * Keys and certificates from where the configuration says they are. What goes wrong is told with
 * the setting and the path, never with what is in the file.
 */
import { readFileSync, statSync } from 'node:fs'
import { Certificate } from '../adapters/http/certificate.ts'
import { checkPassword } from '../adapters/http/secrets.ts'
import { parseKey } from '../adapters/keyring/key-text.ts'
import { DndError } from '../core/errors.ts'
import type { ClusterKey } from '../core/node/cluster-key.ts'
import type { Log } from '../runtime/ports.ts'
import type { NodeServerConfig } from './config.ts'

/** More is a mistaken path. */
const FILE_BYTES_MAX = 1024 * 1024

/** Certificate of this node, its key, and who signs those of all nodes; PEM. */
export interface TlsMaterial {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca: Buffer
}

/** The key that the configuration gives; undefined: none. Throws a `DndError`. */
export function configuredKey(
  config: Pick<NodeServerConfig, 'key' | 'keyFile'>,
): ClusterKey | undefined {
  const { key, keyFile } = config
  const text = keyFile === undefined ? key : readMaterial('keyFile', keyFile).toString('utf8')
  if (text === undefined) return undefined
  const parsed = parseKey(text)
  if (parsed.ok) return parsed.key
  const where = keyFile === undefined ? 'key' : `keyFile: ${keyFile}`
  throw new DndError('DND_ERR_BAD_CONFIG', `${where} holds no key: ${parsed.problem}`)
}

/** Throws a `DndError`. */
export function configuredTls(
  config: Pick<NodeServerConfig, 'tlsCert' | 'tlsKey' | 'tlsCa'>,
): TlsMaterial | undefined {
  const { tlsCert, tlsKey, tlsCa } = config
  if (tlsCert === undefined || tlsKey === undefined || tlsCa === undefined) return undefined
  return {
    cert: readPem('tlsCert', tlsCert),
    key: readPem('tlsKey', tlsKey),
    ca: readPem('tlsCa', tlsCa),
  }
}

/** The certificate for clients; undefined: HTTP is plain. Throws a `DndError`. */
export function httpCertificate(
  { httpCert: cert, httpKey: key }: Pick<NodeServerConfig, 'httpCert' | 'httpKey'>,
  log: Log,
): Certificate | undefined {
  return cert === undefined || key === undefined ? undefined : Certificate.open({ cert, key }, log)
}

/** Who signs the certificates of the other nodes' HTTP. Throws a `DndError`. */
export function httpCa({ httpCa: path }: Pick<NodeServerConfig, 'httpCa'>): Buffer | undefined {
  return path === undefined ? undefined : readPem('httpCa', path)
}

/** The password that the first line of the file is; undefined: none. Throws a `DndError`. */
export function configuredPassword(
  config: Pick<NodeServerConfig, 'adminPasswordFile'>,
): string | undefined {
  const { adminPasswordFile: path } = config
  if (path === undefined) return undefined
  const [password = ''] = readMaterial('adminPasswordFile', path).toString('utf8').split(/\r?\n/)
  try {
    checkPassword(password)
  } catch (error) {
    if (!(error instanceof DndError)) throw error
    throw new DndError('DND_ERR_BAD_CONFIG', `adminPasswordFile: ${path}: ${error.message}`)
  }
  return password
}

function readPem(field: string, path: string): Buffer {
  const bytes = readMaterial(field, path)
  if (bytes.includes('-----BEGIN ')) return bytes
  throw new DndError('DND_ERR_BAD_CONFIG', `${field}: ${path} is not PEM ("-----BEGIN …")`)
}

function readMaterial(field: string, path: string): Buffer {
  try {
    if (statSync(path).size <= FILE_BYTES_MAX) return readFileSync(path)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw new DndError(
      'DND_ERR_BAD_CONFIG',
      `${field}: ${path} cannot be read (${code}); check the path and its permissions`,
      { cause },
    )
  }
  throw new DndError('DND_ERR_BAD_CONFIG', `${field}: ${path} is larger than 1 MiB`)
}
