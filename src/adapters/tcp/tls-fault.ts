/**
 * What a TLS handshake failed of, in the words of those who can mend it. The errors are OpenSSL's:
 * only how their codes end is the same in all its versions.
 */
import type { KeyId } from '../../core/node/cluster-key.ts'
import type { TcpFault } from './link-options.ts'

export interface TlsFailure {
  /** undefined: nothing hostile or broken, the connection went away. */
  readonly fault: TcpFault | undefined
  readonly reason: string
}

/**
 * The answer of a listener that knows no encryption, to a caller that does: a fatal alert,
 * `access_denied`, which OpenSSL never gives of itself. Anything but an alert, the caller's TLS
 * would report as garbage.
 */
export const NOT_ENCRYPTED_ALERT: Uint8Array = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 49)

const TWO_KINDS =
  'one of the two nodes uses certificates and the other does not: give all of them ' +
  '--tls-cert, --tls-key and --tls-ca, or none'

/** As the dialler sees it; `key`: the one that it used, undefined with certificates. */
export function callerFailure(error: unknown, key: KeyId | undefined): TlsFailure {
  const code = codeOf(error)
  if (code.endsWith('ALERT_ACCESS_DENIED')) {
    const reason =
      'that node knows no encryption, and this one sends nothing without: ' +
      "give that node the cluster's key with --key-file, at first with --encryption accept"
    return { fault: 'not-encrypted', reason }
  }
  if (code.endsWith('ALERT_UNKNOWN_PSK_IDENTITY')) {
    const reason =
      `this node's key ${key} is not one that node knows: ` +
      "give this node the cluster's current key with --key-file"
    return { fault: 'unknown-key', reason }
  }
  if (code.endsWith('BAD_RECORD_MAC') && key !== undefined) {
    const reason = `that node knows another key as ${key}: give both the same with --key-file`
    return { fault: 'wrong-key', reason }
  }
  if (code.endsWith('ALERT_HANDSHAKE_FAILURE')) {
    return { fault: 'no-common-encryption', reason: TWO_KINDS }
  }
  return code.startsWith('ERR_SSL')
    ? { fault: 'tls-failed', reason: `no TLS handshake with what answers there (${code})` }
    : { fault: undefined, reason: messageOf(error) }
}

/** As the listener sees it; `key`: the one that the caller named, if any. */
export function listenerFailure(error: unknown, key: KeyId | undefined): TlsFailure {
  const code = codeOf(error)
  if (code.endsWith('PSK_IDENTITY_NOT_FOUND')) {
    const reason =
      `the caller's key${key === undefined ? '' : ` ${key}`} is not one that this node knows: ` +
      "give the caller the cluster's current key with --key-file"
    return { fault: 'unknown-key', reason }
  }
  if (code.endsWith('BAD_RECORD_MAC') && key !== undefined) {
    const reason = `the caller knows another key as ${key}: give both the same with --key-file`
    return { fault: 'wrong-key', reason }
  }
  if (code.endsWith('NO_SHARED_CIPHER')) return { fault: 'no-common-encryption', reason: TWO_KINDS }
  return code.startsWith('ERR_SSL')
    ? { fault: 'tls-failed', reason: `the caller's TLS handshake is broken (${code})` }
    : { fault: 'tls-failed', reason: 'the caller hung up in its TLS handshake' }
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
