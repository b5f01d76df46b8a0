import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryStoreProvider } from '../../streams/adapters/memory/memory-store.ts'
import { RocksStoreProvider } from '../../streams/adapters/rocksdb/rocks-store-provider.ts'
import { storeContract } from './store-contract.ts'

storeContract('memory', async () => ({ provider: new MemoryStoreProvider(), dispose: async () => {} }))

storeContract('rocksdb', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'order-streams-store-'))
  return {
    provider: new RocksStoreProvider({ directory }),
    dispose: () => rm(directory, { recursive: true, force: true }),
  }
})
