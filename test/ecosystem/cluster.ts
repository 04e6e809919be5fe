/**
 * Of the cluster that whoever runs these tests has started: its nodes, and clients of it. Or, where
 * `DND_EMBEDDED` says where `dnd` is, a member of its own within this process.
 */
import { DndClient } from 'dnd-client'

/** What adapters ask of a client, and tests beside them. */
export type TestClient = Pick<DndClient, 'bucket' | 'get' | 'configureBucket'> & { close(): void }

interface EmbeddedNode {
  readonly client: Omit<TestClient, 'close'>
  readonly bucket: TestClient['bucket']
  readonly ready: Promise<void>
  stop(): Promise<void>
}

const { DND_SERVERS = '', DND_EMBEDDED } = process.env
const servers = DND_SERVERS.split(',').filter((url) => url !== '')
const node = DND_EMBEDDED === undefined ? undefined : await startMember(DND_EMBEDDED)

export function openClient(): TestClient {
  if (node !== undefined) {
    const { client, bucket } = node
    return {
      bucket,
      get: (key, options) => client.get(key, options),
      configureBucket: (name, properties) => client.configureBucket(name, properties),
      close: () => void node.stop(),
    }
  }
  if (servers.length === 0) throw new Error('DND_SERVERS names no node')
  return new DndClient({ server: servers })
}

/** One that no other test uses. */
export function bucketName(of: string): string {
  return `${of}-${process.pid}`
}

async function startMember(path: string): Promise<EmbeddedNode> {
  const { startNode } = (await import(path)) as {
    startNode: (fields: object) => Promise<EmbeddedNode>
  }
  const started = await startNode({ engine: 'memory', port: 0, http: false })
  await started.ready
  return started
}
