import { MemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { runStoreSuite } from './store-suite.ts'

runStoreSuite('MemoryStore', (listener) => Promise.resolve(MemoryStore.open({ listener })), {
  persistent: false,
})
