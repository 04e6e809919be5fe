/** The certificate for HTTP: whoever forgets to renew it should hear of it before clients do. */
import type { Registry } from 'prom-client'
import { Gauge } from 'prom-client'

/** `expiresMs`: milliseconds since 1970; undefined: there is no certificate, and no metric. */
export function addCertificateMetrics(
  registry: Registry,
  expiresMs: () => number | undefined,
): void {
  new Gauge({
    name: 'dnd_http_certificate_expiry_timestamp_seconds',
    help: 'When the certificate for HTTPS ends, in seconds since 1970; absent without HTTPS.',
    registers: [registry],
    collect() {
      const ms = expiresMs()
      if (ms === undefined) this.remove()
      else this.set(ms / 1000)
    },
  })
}
