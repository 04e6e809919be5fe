/**
 * Keys and certificates for tests: a ring that a test turns as it likes, and two authorities with a
 * node's certificate each, made once with `openssl` and valid until 2056.
 */
import { createHash } from 'node:crypto'
import type { ClusterKey, KeyId } from '../../core/node/cluster-key.ts'
import { KEY_BYTES, keyId } from '../../core/node/cluster-key.ts'
import type { EncryptionMode, Keyring } from '../../runtime/ports.ts'
import type { Certificates, LinkSecurity } from './link-security.ts'

export function keyOf(number: number): ClusterKey {
  const secret = new Uint8Array(KEY_BYTES).fill(number)
  const digest = createHash('sha256').update(secret).digest('hex')
  return { id: keyId(digest.slice(0, 8))!, secret }
}

/** The first key is the primary. */
export class Ring implements Keyring {
  readonly mode: EncryptionMode
  primary: ClusterKey | undefined
  readonly keys: Map<KeyId, ClusterKey>

  constructor(mode: EncryptionMode, ...keys: readonly ClusterKey[]) {
    this.mode = mode
    this.primary = keys[0]
    this.keys = new Map(keys.map((key) => [key.id, key]))
  }

  find(id: KeyId): ClusterKey | undefined {
    return this.keys.get(id)
  }
}

/** Of a node, signed by an authority called ca-one. */
export const CERTIFICATES: Certificates = {
  cert: Buffer.from(`-----BEGIN CERTIFICATE-----
MIIBIDCBxwIUfA558IYyVSJB7iE5POS3QZ3I9zgwCgYIKoZIzj0EAwIwETEPMA0G
A1UEAwwGY2Etb25lMCAXDTI2MTEyMjIwMjk1NFoYDzIwNTYxMTE0MjAyOTU0WjAT
MREwDwYDVQQDDAhub2RlLW9uZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCVm
plsR8fkiMmEIgv+0rJ8WfhI7DBHnfBIiFdGrwKB6FGJTBbpOUwEkghGVpgQnjUZk
qwlNneWvqWp9eI0sTn8wCgYIKoZIzj0EAwIDSAAwRQIhAP+aGmTzKX2eChvXxIYG
8+3sI3VLV7ZEul2fDZu45A4VAiAxOhiHP4SD7ykV5A3Zh/YSAKzeZPLzlEPtgxa/
SAs93A==
-----END CERTIFICATE-----`),
  key: Buffer.from(`-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghAZW0YBna0vSgWfY
P1FD6PRir4Q/+RcYFPVOiDxwvj2hRANCAAQlZqZbEfH5IjJhCIL/tKyfFn4SOwwR
53wSIhXRq8CgehRiUwW6TlMBJIIRlaYEJ41GZKsJTZ3lr6lqfXiNLE5/
-----END PRIVATE KEY-----`),
  ca: Buffer.from(`-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUfUP4ftibDPoQEi/GMsaMQmKkN9IwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGY2Etb25lMCAXDTI2MTEyMjIwMjk1NFoYDzIwNTYxMTE0MjAy
OTU0WjARMQ8wDQYDVQQDDAZjYS1vbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARlLWVLSDV+4+o+aRgTRerla/ZGYOlf9BleJqGj9PEr7DyLwaIi3vaYEKEOsJOz
vIfU5lLF+Fk1vKJO6wRLFX5Fo1MwUTAdBgNVHQ4EFgQU92+JW9eJ3UmrRZPnezAY
RHxEvvUwHwYDVR0jBBgwFoAU92+JW9eJ3UmrRZPnezAYRHxEvvUwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiA/lhrHvVmQppZjHfLRwU9e5dYyMhZz
5L5LNzcLzhP9SQIgQs4h88NoMMcJphgEyfFAFFD23Opxow66JhypbXWrOrA=
-----END CERTIFICATE-----`),
}

/** Of a node, signed by an authority called ca-two. */
export const FOREIGN_CERTIFICATES: Certificates = {
  cert: Buffer.from(`-----BEGIN CERTIFICATE-----
MIIBIDCBxwIUHESdOMFST086PHr9dhESzpQpHjswCgYIKoZIzj0EAwIwETEPMA0G
A1UEAwwGY2EtdHdvMCAXDTI2MTEyMjIwMjk1NVoYDzIwNTYxMTE0MjAyOTU1WjAT
MREwDwYDVQQDDAhub2RlLXR3bzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMcs
7a7uGWz2E9GQA4Tuy7opuX5g+S8D0K+RfMNr2UZ7AQph5PHsTgGZFhxpGjjLzjEp
aqvJc+KMAM8NEnJ9uW4wCgYIKoZIzj0EAwIDSAAwRQIgfYazBu/pEfpsj2ZTabhn
xhG5mVJbVBR/R0QaBg9WlQACIQD+Dalp0isAXQmTFWBeGK7Xt64SsCN1LmoiRUl3
Q0JUlQ==
-----END CERTIFICATE-----`),
  key: Buffer.from(`-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdGe3vrUci9ppL0Y3
CGbaot+KSzkHifauk9lGqhDwSEGhRANCAATHLO2u7hls9hPRkAOE7su6Kbl+YPkv
A9CvkXzDa9lGewEKYeTx7E4BmRYcaRo4y84xKWqryXPijADPDRJyfblu
-----END PRIVATE KEY-----`),
  ca: Buffer.from(`-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUbyAkscfHVPVdpIqZOx3EK22iHmswCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGY2EtdHdvMCAXDTI2MTEyMjIwMjk1NFoYDzIwNTYxMTE0MjAy
OTU0WjARMQ8wDQYDVQQDDAZjYS10d28wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAS5C3HR3nDoyCnUUn2oNoEIHjnyZ1Z056okp1oipfVRKEquDXX7iJUqun5wQkHb
bzx18O7DDQLexcnD6IhsxGQRo1MwUTAdBgNVHQ4EFgQU0DXqJuIlQMFP5I1qS+A5
wh6G6qcwHwYDVR0jBBgwFoAU0DXqJuIlQMFP5I1qS+A5wh6G6qcwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiB9xfrXCFA/4bbDHpQ+rT0fuJn5vJ1Z
5Sfx1ujtIRxK0wIgaoB+YtIqfUVxV/1mLiRG/t/TYztojbvt5rKnkI6Yajk=
-----END CERTIFICATE-----`),
}

/** Every way in which two nodes of one mind talk to each other. */
export type Kind = 'plain' | 'key' | 'certificates'
export const KINDS: readonly Kind[] = ['plain', 'key', 'certificates']

export function securityOf(kind: Kind): LinkSecurity {
  if (kind === 'plain') return { keyring: new Ring('off'), tls: undefined }
  const keyring = new Ring('required', keyOf(1))
  return { keyring, tls: kind === 'key' ? undefined : CERTIFICATES }
}
